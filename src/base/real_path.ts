/** Where a path really leads, asked of Deno without a question to a person. */

/** The path without links and dots; `undefined` where there is none, or Deno does not let us ask. */
export function realPathOf(path: string): string | undefined {
  if (!mayRead(path) || !path.startsWith("/") && !mayRead(".")) return undefined;
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}

function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
