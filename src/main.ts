/**
 * The program: `rcopy send PATH`, `rcopy receive TICKET DEST`. Installed by
 * `deno install -g --no-config --no-prompt -A -n rcopy jsr:@rcopy/cli`.
 *
 * @module
 */

const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
if (major < 2 || (major === 2 && minor < 9)) {
  const text =
    `rcopy: this needs Deno 2.9 or later and runs on ${Deno.version.deno}; upgrade with: deno upgrade\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
  Deno.exit(2);
}

if (import.meta.main) {
  // Loaded only now, so that an older Deno meets the message above and not a syntax or API that it lacks.
  const { runCommandLine } = await import("./cli/run.ts");
  Deno.exit(await runCommandLine(Deno.args, (status) => Deno.exit(status)));
}
