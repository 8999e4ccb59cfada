/** A file that is older than the step of its change time, below which a sender cannot tell its versions apart. */

/** Waits until it is; Deno tells whole seconds of that time. */
export async function untilOld(path: string, io: string): Promise<void> {
  const stepMs = io === "deno" ? 2000 : 20;
  while (Date.now() - Deno.lstatSync(path).ctime!.getTime() < stepMs + 1000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
