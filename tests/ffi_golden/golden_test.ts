/**
 * Holds `ffi/` to what a C compiler makes of the real headers: `golden.c`, and its output in `golden.json`.
 */
import { assert, assertEquals } from "@std/assert";
import { errno } from "../../ffi/errno.ts";
import * as layout from "../../ffi/layout.ts";
import { encodeOpenHow } from "../../ffi/scratch.ts";
import * as sqe from "../../ffi/sqe.ts";
import { enterSyscall } from "../../ffi/symbols.ts";

type Golden = { arch: string } & { [group: string]: Record<string, number | string> };

const folder = new URL(".", import.meta.url);
const kept = JSON.parse(Deno.readTextFileSync(new URL("golden.json", folder))) as Golden;
const here = Deno.build.arch;

/** Compiles and runs golden.c; the reason, where there is no compiler or there are no headers. */
function compile(): Golden | string {
  if (Deno.build.os !== "linux") return "this is not Linux";
  const scratch = Deno.makeTempDirSync({ prefix: "rcopy-golden-" });
  try {
    const program = `${scratch}/golden`;
    const source = new URL("golden.c", folder).pathname;
    const options = { args: ["-Wall", "-Werror", "-o", program, source] };
    const compiled = new Deno.Command("cc", { ...options, stderr: "piped" }).outputSync();
    if (!compiled.success) {
      const said = new TextDecoder().decode(compiled.stderr);
      if (/liburing\.h: No such file/.test(said)) {
        return "liburing's headers are missing (apt install liburing-dev)";
      }
      throw new Error(`golden.c does not compile:\n${said}`);
    }
    const ran = new Deno.Command(program).outputSync();
    return JSON.parse(new TextDecoder().decode(ran.stdout)) as Golden;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return "no compiler (cc)";
    throw thrown;
  } finally {
    Deno.removeSync(scratch, { recursive: true });
  }
}

const compiled = compile();
const live = typeof compiled === "string" ? undefined : compiled;
const golden = live ?? (kept.arch === here ? kept : undefined);
const noCompiler = live === undefined ? ` (not compared: ${compiled})` : "";
const noGolden = golden === undefined
  ? ` (not compared: ${compiled}, and golden.json is not of ${here})`
  : "";

Deno.test({
  name: `golden.json is what golden.c says on this machine${noCompiler}`,
  ignore: live === undefined || live.arch !== kept.arch,
  fn: () => assertEquals(live, kept),
});

/** The tables of numbers that C has too. */
const tables = Object.entries({ ...layout, errno }).filter(([name]) => name !== "probeSupported");

for (const [name, table] of tables) {
  Deno.test({
    name: `${name} is what C says${noGolden}`,
    ignore: golden === undefined,
    fn: () => assertEquals<unknown>(table, golden![name]),
  });
}

Deno.test({
  name: `Every group of golden.json is compared${noGolden}`,
  ignore: golden === undefined,
  fn: () => {
    const others = ["arch", "opcode", "sqeFlag", "cancelFlag", "numbers", "submissions", "samples"];
    assertEquals([...tables.map(([name]) => name), ...others].sort(), Object.keys(golden!).sort());
  },
});

Deno.test({
  name: `Opcodes, flags and numbers of the encoders are what C says${noGolden}`,
  ignore: golden === undefined,
  fn: () => {
    assertEquals<unknown>(sqe.opcode, golden!.opcode);
    assertEquals<unknown>(sqe.sqeFlag, golden!.sqeFlag);
    assertEquals<unknown>(sqe.cancelFlag, golden!.cancelFlag);
    const numbers = { enterSyscall, probeSupported: layout.probeSupported };
    assertEquals<unknown>(numbers, golden!.numbers);
  },
});

// The same values as in golden.c: addresses, offsets and sizes that need all their bits.
const path = 0x7fedcba98765;
const other = 0x7f0123456789;
const offset = Number.MAX_SAFE_INTEGER - 4096;
const { openFlag, atFlag } = layout;
const { hardlink, async } = sqe.sqeFlag;

/** Encodes one submission at word `at`. */
type Encode = (area: sqe.SqeArea, at: number) => void;

const encoders: Record<string, Encode> = {
  openat2: (a, at) => sqe.encodeOpenat2(a, at, 0xfffffffe, async, 8, path, other),
  openat2Here: (a, at) => sqe.encodeOpenat2(a, at, 4, 0, atFlag.workingDirectory, path, other),
  read: (a, at) => sqe.encodeRead(a, at, 7, hardlink, 3, path, 0xfffff000, offset),
  readHere: (a, at) => sqe.encodeRead(a, at, 8, 0, 3, path, 1, -1),
  write: (a, at) => sqe.encodeWrite(a, at, 9, 0, 1024, path, 4097, offset),
  syncFileRange: (a, at) => {
    sqe.encodeSyncFileRange(a, at, 22, 0, 6, offset, 0x400000, layout.syncRangeFlag.write);
  },
  fadvise: (a, at) => {
    sqe.encodeFadvise(a, at, 23, hardlink, 6, offset, 0x400000, layout.fileAdvice.dontNeed);
  },
  nop: (a, at) => sqe.encodeNop(a, at),
  cancelAll: (a, at) => sqe.encodeCancelAll(a, at),
};

for (const [name, encode] of Object.entries(encoders)) {
  Deno.test({
    name: `The submission of ${name} has the bytes that C prepares, and touches no other${noGolden}`,
    ignore: golden === undefined,
    fn: () => {
      // Memory full of ones, so that a byte left unset shows; the entry is the second of three.
      const area = new Uint32Array(3 * sqe.sqeWords).fill(0xffffffff);
      encode(area, sqe.sqeWords);
      const bytes = new Uint8Array(area.buffer);
      assertEquals(bytes.slice(64, 128).toHex(), golden!.submissions![name]);
      assert(bytes.subarray(0, 64).every((byte) => byte === 0xff), "the entry before is untouched");
      assert(bytes.subarray(128).every((byte) => byte === 0xff), "the entry after is untouched");
    },
  });
}

Deno.test({
  name: `Every submission of golden.c is compared${noGolden}`,
  ignore: golden === undefined,
  fn: () => assertEquals(Object.keys(encoders).sort(), Object.keys(golden!.submissions!).sort()),
});

Deno.test({
  name: `A struct open_how has the bytes that C gives it${noGolden}`,
  ignore: golden === undefined,
  fn: () => {
    const view = new DataView(new ArrayBuffer(layout.openHow.size));
    for (let at = 0; at < view.byteLength; at += 1) view.setUint8(at, 0xff);
    const { readOnly, noFollow, closeOnExec } = openFlag;
    const { beneath, noSymlinks, noMagicLinks } = layout.resolveFlag;
    encodeOpenHow(view, 0, readOnly | noFollow | closeOnExec, 0o604, beneath | noSymlinks | noMagicLinks);
    assertEquals(new Uint8Array(view.buffer).toHex(), golden!.samples!.openHow);
  },
});
