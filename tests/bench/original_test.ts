import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../helpers/test_folder.ts";
import { isOriginalHelp, originalPath, whyNotOriginal } from "./original.ts";

/** What the original 0.1.0 prints for `--help`. */
const originalHelp = `Main command

Usage: rcopy [OPTIONS] <COMMAND>

Commands:
  send     Subcommand for sending
  receive  Subcommand for receiving
  help     Print this message or the help of the given subcommand(s)

Options:
  -l, --log-level <LOG_LEVEL>  Logging level [default: ERROR]
  -q, --quiet                  Whether to not print anything
  -h, --help                   Print help
`;

Deno.test("the original rcopy is known by its help, and ours is not taken for it", async () => {
  assert(isOriginalHelp(originalHelp));
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", main, "--help"] })
    .output();
  const ourHelp = new TextDecoder().decode(stdout);
  assert(ourHelp.includes("receive"), ourHelp);
  assertEquals(isOriginalHelp(ourHelp), false);
});

Deno.test("the original rcopy is looked for where the environment says, else where cargo installs it", () => {
  const from = (variables: Record<string, string>) => originalPath({ get: (name) => variables[name] });
  assertEquals(from({ RCOPY_ORIGINAL: "/opt/original", HOME: "/home/me" }), "/opt/original");
  assertEquals(from({ HOME: "/home/me" }), "/home/me/.cargo/bin/rcopy");
});

Deno.test("a program that is missing, is another or cannot be started is not the original, and why is said", async () => {
  await withFolder(async (folder) => {
    const program = `${folder}/rcopy`;
    const place = async (script: string, mode: number) => {
      await Deno.writeTextFile(program, `#!/bin/sh\n${script}\n`);
      await Deno.chmod(program, mode);
      return await whyNotOriginal(program);
    };
    assertEquals((await whyNotOriginal(program))?.includes("RCOPY_ORIGINAL"), true);
    assertEquals(await place("echo send receive", 0o755), `${program} is another program`);
    assertEquals((await place("exit 0", 0o644))?.includes("cannot be started"), true);
    assertEquals(await place(`cat <<'end'\n${originalHelp}end`, 0o755), undefined);
  });
});
