/** What the portable engine asks of the system, seen from outside by strace: what is synced, and what failed calls leave. */
import { assertEquals, assertMatch } from "@std/assert";
import { temporaryName } from "../../entry/temporary_name.ts";
import { named } from "../../../tests/contract/contract_case.ts";
import { shell, whyNot, withFolder } from "../../../tests/helpers/test_folder.ts";

const engineUrl = import.meta.resolve("./engine.ts");
const config = new URL("../../../deno.json", import.meta.url).pathname;

/** Why strace cannot trace here; `undefined` where it can. */
function whyNoTrace(): string | undefined {
  const missing = whyNot({ programs: ["strace"] });
  if (missing !== undefined) return missing;
  const { success } = new Deno.Command("strace", { args: ["-o", "/dev/null", "true"], stderr: "null" })
    .outputSync();
  return success ? undefined : "this machine does not let strace trace";
}

const why = whyNoTrace();

function tracedTest(title: string, body: (folder: string) => Promise<void>): void {
  const name = why === undefined ? title : `${title} (skipped: ${why})`;
  Deno.test({ name, ignore: why !== undefined, fn: () => withFolder(body) });
}

/** Runs a script that has `engine`, `root` and `create` under strace with these options; what it prints. */
async function runTraced(folder: string, options: string[], script: string): Promise<string> {
  const program = `import { openDenoEngine } from ${JSON.stringify(engineUrl)};
    const mtime = { seconds: 1_500_000_000, nanos: 0 };
    const name = (text) => new TextEncoder().encode(text);
    using engine = openDenoEngine();
    const root = engine.openRoot(Deno.args[0]);
    const create = (directory, text, mode, atOnce = true) => {
      const file = { directory, name: name(text), atOnce, mode, mtime, offset: 0, size: 3 };
      engine.createFiles([file], new Uint8Array(3)).finish();
      return file.error;
    };
    ${script}`;
  await Deno.writeTextFile(`${folder}/program.ts`, program);
  await Deno.mkdir(`${folder}/root`);
  const deno = ["run", "-A", "--no-lock", "--no-check", "--quiet", "--config", config];
  const args = [...options, Deno.execPath(), ...deno, `${folder}/program.ts`, `${folder}/root`];
  return (await shell('exec strace -f -qq "$@"', ...args)).trim();
}

tracedTest("what nobody may open later is synced before it is shut, and nothing else is", async (folder) => {
  const trace = ["-y", "-e", "trace=fsync,fdatasync", "-o", `${folder}/trace`];
  await runTraced(
    folder,
    trace,
    `for (const mode of [0o000, 0o200, 0o400, 0o644]) {
      const octal = mode.toString(8);
      create(root, "small " + octal, mode);
      const large = engine.createTarget(root, name("large " + octal), { size: 5, mode });
      engine.finishTarget(large, { mode, mtime });
      const directory = engine.makeDirectory(root, name("directory " + octal), mode);
      create(directory, "inner", 0o644);
      engine.setDirectoryMetadata(directory, { mode, mtime }, { mayLoosen: true });
    }
    const open = engine.makeDirectory(root, name("open"), 0o755);
    create(open, "inner", 0o644);
    engine.setDirectoryMetadata(open, { mode: 0o755, mtime }, { mayLoosen: true });`,
  );
  const lines = (await Deno.readTextFile(`${folder}/trace`)).split("\n");
  const synced = lines.flatMap((line) => line.split(`<${folder}/root/`)[1]?.split(">")[0] ?? []);
  // Without leave to enter it, a directory is as shut as one that cannot be read.
  const shut = ["0", "200", "400", "644"].flatMap((mode) => [`directory ${mode}`, `directory ${mode}/inner`]);
  const wanted = ["large 0", "large 200", "small 0", "small 200", ...shut];
  assertEquals(synced.sort(), wanted.sort());
});

for (
  const [call, errno, code] of [
    ["utimensat", "EIO", "io"],
    ["pwrite64,write", "ENOSPC", "no-space"],
  ] as const
) {
  tracedTest(`a file for which ${call} fails with ${errno} leaves nothing behind`, async (folder) => {
    // Only calls on descriptors of files in the folder: "-P" names the paths.
    const paths = ["small", "after"].flatMap((name) => ["-P", `${folder}/root/${name}`]);
    const inject = ["-o", "/dev/null", ...paths, "-e", `inject=${call}:error=${errno}:when=1`];
    const printed = await runTraced(
      folder,
      inject,
      `const error = create(root, "small", 0o644);
      console.log(error.code, error.errno, "|", error.message);
      console.log(create(root, "after", 0o644)?.code ?? "done");`,
    );
    assertMatch(printed, new RegExp(`^${code} ${errno} \\| cannot write ".*/small": .+\ndone$`));
    assertEquals(await shell('ls "$1/root"', folder), "after\n");
  });
}

for (const [call, lack] of [["utimensat", "time"], ["chmod,fchmod,fchmodat", "mode"]] as const) {
  for (const atOnce of [true, false]) {
    tracedTest(
      `a file for which ${call} is refused is there without its ${lack} (at once: ${atOnce})`,
      async (folder) => {
        const when = lack === "mode" && atOnce ? 2 : 1; // the first one marks it as unfinished
        const temporary = new TextDecoder().decode(temporaryName(named("small")));
        const paths = ["small", temporary].flatMap((name) => ["-P", `${folder}/root/${name}`]);
        const inject = ["-o", "/dev/null", ...paths, "-e", `inject=${call}:error=EPERM:when=${when}+`];
        const printed = await runTraced(
          folder,
          inject,
          `const file = { directory: root, name: name("small"), atOnce: ${atOnce}, mode: 0o644, mtime, offset: 0, size: 3 };
        engine.createFiles([file], new Uint8Array(3)).finish();
        console.log(file.error?.message, file.lacks);`,
        );
        assertEquals(printed, `undefined ${lack === "mode" ? 1 : 2}`);
        assertEquals(await shell('ls -A "$1/root"', folder), "small\n");
      },
    );
  }
}
