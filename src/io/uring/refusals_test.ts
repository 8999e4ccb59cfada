/** What old kernels and containers refuse, and what fails in the middle: system calls made to fail. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { whyNot, withFolder } from "../../../tests/helpers/test_folder.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";

const engineUrl = new URL("engine.ts", import.meta.url).href;
const helperUrl = new URL("../../../tests/helpers/uring_engine.ts", import.meta.url).href;
const namesUrl = new URL("../../entry/name.ts", import.meta.url).href;

/** Runs a script that has `engine`, `root` and `name` under another program; what it prints, or why not. */
async function runUnder(wrapper: readonly string[], folder: string, script: string): Promise<string> {
  const program = [
    `import { openUringEngine } from ${JSON.stringify(engineUrl)};`,
    `import { whyNoUringEngine } from ${JSON.stringify(helperUrl)};`,
    `import { ownName as name } from ${JSON.stringify(namesUrl)};`,
    `const mtime = { seconds: 5, nanos: 7 };`,
    `const why = whyNoUringEngine();`,
    `if (why !== undefined) { console.log(why); Deno.exit(); }`,
    `using engine = openUringEngine();`,
    `const root = engine.openRoot(${JSON.stringify(folder)});`,
    script,
  ].join("\n");
  const [command, ...args] = [...wrapper, Deno.execPath(), "eval", "--no-lock", program];
  const cwd = new URL("../../../", import.meta.url);
  const { success, stdout, stderr } = await new Deno.Command(command!, { args, cwd }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Runs a script while a system call fails as strace's `inject` says; with a path, only calls about that file. */
function withFailing(
  injection: string | string[],
  folder: string,
  script: string,
  path?: string,
): Promise<string> {
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null"];
  for (const one of [injection].flat()) strace.push("-e", `inject=${one}`);
  if (path !== undefined) strace.push("-P", path);
  return runUnder(strace, folder, script);
}

/** Runs a program for which a system call does not exist or is forbidden; by number, as strace cannot. */
const refuser = `
import ctypes, os, struct, sys
number, errno = int(sys.argv[1]), int(sys.argv[2])
load, equal, give = 0x20, 0x15, 0x06
rules = [(load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, 0x50000 | errno), (give, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execvp(sys.argv[3], sys.argv[3:])
`;

const noUring = whyNoUringEngine();
const mayTrace = Deno.build.os !== "linux" ||
  new Deno.Command("sh", { args: ["-c", "! command -v strace || strace -o /dev/null true"], stdout: "null" })
    .outputSync().success;

/** Why a test with these needs cannot run here, beside missing programs. */
function whyNotHere(needs: string): string | undefined {
  if (noUring !== undefined) return `no io_uring: ${noUring}`;
  if (needs.startsWith("strace") && !mayTrace) return "this machine does not let strace trace";
  if (!needs.endsWith("on a disk")) return undefined;
  const folder = Deno.makeTempDirSync();
  const args = ["--file-system", "--format=%T", folder];
  const { stdout } = new Deno.Command("stat", { args }).outputSync();
  Deno.removeSync(folder);
  const isMemory = new TextDecoder().decode(stdout).trim() === "tmpfs";
  return isMemory ? "temporary files are in memory, where nothing is reserved" : undefined;
}

function refusalTest(title: string, needs: string, body: (folder: string) => Promise<void>): void {
  const why = whyNotHere(needs) ?? whyNot({ programs: needs.split(" ").slice(0, 1) });
  Deno.test({
    name: why === undefined ? title : `${title} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: () => withFolder(body),
  });
}

for (const [name, number] of [["ENOSYS", 38], ["EPERM", 1]] as const) {
  refusalTest(`modes are set where fchmodat2 is refused with ${name}`, "python3", async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await runUnder(
      ["python3", "-c", refuser, "452", String(number)],
      folder,
      [
        "const directory = engine.makeDirectory(root, name('d'), 0o700);",
        "engine.setDirectoryMetadata(directory, { mode: 0o555, mtime }, { mayLoosen: true });",
        "engine.setFileMode(root, name('file'), 0o604);",
      ].join("\n"),
    );
    assertEquals(Deno.statSync(`${folder}/d`).mode! & 0o777, 0o555);
    assertEquals(Deno.statSync(`${folder}/d`).mtime, new Date(5000));
    assertEquals(Deno.statSync(`${folder}/file`).mode! & 0o777, 0o604);
  });
}

refusalTest(
  "a kernel or container without openat2 is a reason to take the other engine",
  "strace",
  async (folder) => {
    const why = await withFailing("openat2:error=ENOSYS", folder, "console.log(engine.kind);");
    assertStringIncludes(why, "ENOSYS from openat2");
  },
);

refusalTest("a file whose time cannot be set fails, and leaves nothing behind", "strace", async (folder) => {
  const errors = await withFailing(
    "utimensat:error=EIO:when=1",
    folder,
    [
      "const file = (t) => ({ directory: root, name: name(t), atOnce: t < 'b', mode: 0o644, mtime, offset: 0, size: 3 });",
      "const files = [file('a'), file('b')];",
      "await engine.createFiles(files, new Uint8Array(3)).finish();",
      "console.log(JSON.stringify(files.map(({ error }) => error && [error.code, error.message])));",
    ].join("\n"),
  );
  const message = `cannot write "${folder}/a": the device reports an error (EIO from futimens or fchmod)`;
  assertEquals(JSON.parse(errors), [["io", message], null]);
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["b"]);
});

refusalTest(
  "a write that the device refuses fails its file, and leaves nothing behind",
  "strace",
  async (folder) => {
    const errors = await withFailing(
      "pwrite64:error=EDQUOT",
      folder,
      [
        "const file = (t) => ({ directory: root, name: name(t), atOnce: t < 'b', mode: 0o644, mtime, offset: 0, size: 3 });",
        "const files = [file('a'), file('b'), file('c')];",
        "await engine.createFiles(files, new Uint8Array(3)).finish();",
        "console.log(JSON.stringify(files.map(({ error }) => error?.code ?? null)));",
      ].join("\n"),
    );
    assertEquals(JSON.parse(errors), ["no-space", "no-space", "no-space"]);
    assertEquals([...Deno.readDirSync(folder)], []);
  },
);

refusalTest(
  "a large file that its file server could not keep fails when it is closed",
  "strace",
  async (folder) => {
    const script = [
      "const file = engine.createTarget(root, name('large'), { size: 5, mode: 0o644 });",
      "await engine.writeRange(file, 0, Uint8Array.of(1, 2, 3, 4, 5)).finish();",
      "try { engine.finishTarget(file, { mode: 0o644, mtime }); console.log('finished'); }",
      "catch (error) { console.log(error.code, error.errno); }",
    ].join("\n");
    assertEquals(await withFailing("close:error=EIO", folder, script, `${folder}/large`), "io EIO");
    await Deno.remove(`${folder}/large`);
    assertEquals(
      await withFailing("close:error=EDQUOT", folder, script, `${folder}/large`),
      "no-space EDQUOT",
    );
  },
);

refusalTest(
  "room that cannot be reserved is written all the same",
  "strace on a disk",
  async (folder) => {
    const script = [
      "try {",
      "  const file = engine.createTarget(root, name('large'), { size: 5, mode: 0o644 });",
      "  await engine.writeRange(file, 0, Uint8Array.of(1, 2, 3, 4, 5)).finish();",
      "  engine.finishTarget(file, { mode: 0o644, mtime });",
      "  console.log('written');",
      "} catch (error) { console.log(error.code); }",
    ].join("\n");
    for (const error of ["ENOSPC", "EOPNOTSUPP"]) {
      assertEquals(await withFailing(`fallocate:error=${error}`, folder, script), "written");
      assertEquals(Deno.statSync(`${folder}/large`).size, 5);
      await Deno.remove(`${folder}/large`);
    }
  },
);

const placeScript = [
  "const outcomes = [];",
  "const found = (text) => engine.lookup(root, [name(text)])[0];",
  "for (const [to, replaces] of [['old'], ['directory', found('directory')], ['free'], ['old', found('old')]]) {",
  "  await Deno.writeTextFile(FOLDER + '/new', 'new');",
  "  try {",
  "    engine.place(root, name('new'), name(to), replaces);",
  "    outcomes.push('done');",
  "  } catch (error) { outcomes.push(error.code); }",
  "}",
  "console.log(JSON.stringify(outcomes));",
].join("\n");
const withoutReplacing: [what: string, failing: string[]][] = [
  ["cannot refuse to replace", ["renameat2:error=EINVAL:when=1..2"]],
  ["has no links either", ["renameat2:error=EINVAL:when=1..2", "linkat:error=EPERM"]],
  ["calls links impossible in its own way", ["renameat2:error=ENOSYS:when=1..2", "linkat:error=EROFS"]],
];
for (const [what, failing] of withoutReplacing) {
  refusalTest(`nothing is replaced unasked on a file system that ${what}`, "strace", async (folder) => {
    await Deno.writeTextFile(`${folder}/old`, "old");
    await Deno.mkdir(`${folder}/directory`);
    const outcomes = await withFailing(
      failing,
      folder,
      placeScript.replace("FOLDER", JSON.stringify(folder)),
    );
    assertEquals(JSON.parse(outcomes), ["exists", "type-conflict", "done", "done"]);
    assertEquals(Deno.readTextFileSync(`${folder}/old`), "new");
    assertEquals(Deno.readTextFileSync(`${folder}/free`), "new");
    assertEquals([...Deno.readDirSync(folder)].length, 3, "neither a stand-in nor a second name is left");
  });
}

refusalTest("times and modes that are refused are told, and the file stays", "strace", async (folder) => {
  const script = [
    "const file = (t, atOnce) => ({ directory: root, name: name(t), atOnce, mode: 0o640, mtime, offset: 0, size: 3 });",
    "const files = [file('b', false), file('a', true), file('c', false)];",
    "await engine.createFiles(files, new Uint8Array(3)).finish();",
    "const large = engine.createTarget(root, name('large'), { size: 3, mode: 0o640 });",
    "await engine.writeRange(large, 0, new Uint8Array(3)).finish();",
    "engine.finishTarget(large, { mode: 0o640, mtime });",
    "console.log(JSON.stringify(files.map(({ error, lacks }) => [error?.message ?? null, lacks])));",
  ].join("\n");
  for (const [call, lacks] of [["utimensat", 2], ["fchmod", 1]] as const) {
    const told = JSON.parse(await withFailing(`${call}:error=EPERM`, folder, script)) as [
      string | null,
      number,
    ][];
    assertEquals(told.map(([error]) => error), [null, null, null]);
    if (call === "utimensat") assertEquals(told.map(([, lacking]) => lacking), [lacks, lacks, lacks]);
    for (const name of ["a", "b", "c", "large"]) {
      const { size, mode } = Deno.statSync(`${folder}/${name}`);
      assertEquals(
        [size, mode! & 0o7777],
        [3, 0o640],
        "where a mode cannot be changed, it is there from the start",
      );
      await Deno.remove(`${folder}/${name}`);
    }
  }
});
