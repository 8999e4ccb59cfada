/**
 * The program that ours replaces, crate `rcopy`. Its binary has our name: it is taken where `RCOPY_ORIGINAL` says, or
 * where cargo installs it, and only if its help is that of the original.
 */

const helpMsMax = 5000;

/** Where it should be. */
export function originalPath(env: Pick<typeof Deno.env, "get"> = Deno.env): string {
  return env.get("RCOPY_ORIGINAL") ?? `${env.get("HOME") ?? ""}/.cargo/bin/rcopy`;
}

/** Whether a help text is that of the original: ours names its commands otherwise. */
export function isOriginalHelp(help: string): boolean {
  return /^ *send +Subcommand for sending$/m.test(help) &&
    /^ *receive +Subcommand for receiving$/m.test(help);
}

/** Asks the program at a path for its help. @returns why it is not the original, if so */
export async function whyNotOriginal(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(path, {
      args: ["--help"],
      stdin: "null",
      signal: AbortSignal.timeout(helpMsMax),
    }).output();
    return isOriginalHelp(new TextDecoder().decode(stdout)) ? undefined : `${path} is another program`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `there is no ${path} (RCOPY_ORIGINAL can name another)`;
    return `${path} cannot be started: ${error instanceof Error ? error.message : error}`;
  }
}
