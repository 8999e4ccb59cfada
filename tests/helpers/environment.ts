/** Environment variables of this process, for the time of a test. */

/** Runs `body` with these variables, `undefined` for one that is not set, and puts back what was there before. */
export async function withVariables(
  values: Readonly<Record<string, string | undefined>>,
  body: () => Promise<void> | void,
): Promise<void> {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const [name, value] of Object.entries(values)) set(name, value);
    await body();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}
