/** What Ring.open says where there can be no ring: each case is a program in a Deno of its own. */
import { assertEquals, assertMatch } from "@std/assert";
import { ringTestName, whyNoRing } from "../tests/helpers/ring.ts";

const module = import.meta.resolve("./mod.ts");
const config = new URL("../deno.json", import.meta.url).pathname;
const refuseSource = new URL("../tests/helpers/refuse_uring.c", import.meta.url).pathname;
/** Says why no ring can be opened, or that one can. */
const say = `
function say() {
  try {
    ffi.Ring.open(2)[Symbol.dispose]();
    console.log("a ring");
  } catch (error) {
    console.log(error.code, error.message);
  }
}
say();`;

/**
 * How a program is run: Deno's flags, and what is run before it in the same shell, where `$FOLDER` is a
 * temporary one.
 */
interface RunOptions {
  flags: string[];
  before?: string;
  /** A command that runs the program; `exec` unless told. */
  under?: string;
}

/** Runs code in a Deno of its own: what it prints. */
async function run(code: string, { flags, before = ":", under = "exec" }: RunOptions): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-ffi-" });
  try {
    const file = `${folder}/program.ts`;
    await Deno.writeTextFile(file, `import * as ffi from ${JSON.stringify(module)};\n${code}`);
    const deno = [Deno.execPath(), "run", "--no-prompt", "--no-lock", "--config", config, ...flags, file];
    const args = ["-c", `${before} && ${under} "$@"`, "sh", ...deno];
    const ran = await new Deno.Command("sh", { args, env: { FOLDER: folder } }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(ran.stderr), "");
    return decoder.decode(ran.stdout).trim();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function succeeds(command: string): boolean {
  return new Deno.Command("sh", { args: ["-c", command], stdout: "null", stderr: "null" }).outputSync()
    .success;
}

/** A test that needs something of the machine. */
function testHere(name: string, missing: string | undefined, fn: () => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });
}

const notLinux = Deno.build.os === "linux" ? undefined : "this is not Linux";
// An empty file in the library's place, in a mount namespace of the program's own.
const hide = "for library in /usr/lib/*/liburing.so.2 /usr/lib64/liburing.so.2; do " +
  'test ! -e "$library" || mount --bind /dev/null "$library"; done';
const cannotHide = notLinux ?? (succeeds("unshare -m true") ? undefined : "hiding a library takes root");
const noCompiler = notLinux ?? (succeeds("cc --version") ? undefined : "no compiler (cc)");

testHere(
  "Importing ffi/ needs no permission, and Ring.open() names the one that it lacks",
  notLinux,
  async () => {
    const said = await run(say, { flags: [] });
    assertMatch(
      said,
      /^engine-unavailable cannot use io_uring: .*no permission .* \(run with --allow-ffi\)$/,
    );
  },
);

testHere("Where liburing is missing, Ring.open() says how to get it", cannotHide, async () => {
  const said = await run(say, {
    flags: ["--allow-ffi"],
    under: `exec unshare -m sh -c '${hide}; exec "$@"' sh`,
  });
  assertMatch(said, /liburing\.so\.2 cannot be loaded .*apt install liburing2/);
});

testHere("Where the kernel refuses io_uring, Ring.open() says so", whyNoRing ?? noCompiler, async () => {
  const before = `cc -o "$FOLDER/refuse" '${refuseSource}'`;
  const said = await run(say, { flags: ["--allow-ffi"], before, under: 'exec "$FOLDER/refuse"' });
  assertMatch(said, /the kernel refuses it: .* \(EPERM\) \(from io_uring_setup\)/);
});

Deno.test({
  name: ringTestName("A ring needs --allow-ffi alone"),
  ignore: whyNoRing !== undefined,
  fn: async () => assertEquals(await run(say, { flags: ["--allow-ffi"] }), "a ring"),
});

Deno.test({
  name: ringTestName("Where no descriptor is left, Ring.open() says what to raise, and leaves nothing open"),
  ignore: whyNoRing !== undefined,
  fn: async () => {
    const code = `
      using ring = ffi.Ring.open(1); // holds the library: loading it takes a descriptor too
      const files: Deno.FsFile[] = [];
      try { for (;;) files.push(Deno.openSync("/dev/null")); } catch { /* none is left */ }
      ${say}
      files.pop()!.close();
      say();
      console.log(Deno.openSync("/dev/null") instanceof Deno.FsFile);`;
    const said = await run(code, { flags: ["--allow-all"], before: "ulimit -n 64" });
    assertMatch(said, /too many open files: raise `ulimit -n` \(EMFILE\) .*\na ring\ntrue$/);
  },
});
