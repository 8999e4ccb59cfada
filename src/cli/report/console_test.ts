import { assertEquals, assertMatch } from "@std/assert";
import { Console } from "./console.ts";

const main = new URL("../../main.ts", import.meta.url).pathname;
const isWindows = Deno.build.os === "windows";

function run(shellCode: string, ...args: string[]): { status: number; stdout: string; stderr: string } {
  const { code, stdout, stderr } = new Deno.Command("bash", {
    args: ["-c", shellCode, "bash", Deno.execPath(), main, ...args],
  }).outputSync();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name: "a reader that has gone is no error" + (isWindows ? " (ignored: needs bash)" : ""),
  ignore: isWindows,
  fn() {
    // The process that would read has ended before the first byte is written.
    const gone = 'exec 3> >(exec true); wait $!; "$1" run -A "$2" completions bash >&3';
    assertEquals(run(gone), { status: 0, stdout: "", stderr: "" });
  },
});

Deno.test({
  name: "a standard output that cannot be written is an error" + (isWindows ? " (ignored: needs bash)" : ""),
  ignore: Deno.build.os !== "linux",
  fn() {
    for (
      const words of [["--version"], ["completions", "bash"], ["doctor"], [
        "send",
        "--local",
        "--port",
        "0",
        main,
      ]]
    ) {
      const { status, stderr } = run('"$1" run -A "$2" "${@:3}" >/dev/full', ...words);
      assertEquals(status, 1, `${words.join(" ")}: ${stderr}`);
      assertMatch(stderr, /rcopy: cannot write to standard output: No space left on device/);
    }
  },
});

/** A stream whose reader takes what it takes. */
class SlowStream {
  written = "";
  writes = 0;
  #reading = Promise.withResolvers<void>();

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await this.#reading.promise;
    this.written += new TextDecoder().decode(bytes);
    return bytes.length;
  }

  read(): void {
    this.#reading.resolve();
  }
}

Deno.test("Console waits for nothing, joins what waits, and keeps the order of both streams", async () => {
  const slow = new SlowStream();
  const console = new Console({ out: slow, error: slow });
  console.error("run this:\n");
  console.out("rcopy ");
  console.out("receive\n");
  console.error("connected\n");
  assertEquals(console.isBehind, true);
  slow.read();
  await console.flushed();
  assertEquals([slow.written, slow.writes], ["run this:\nrcopy receive\nconnected\n", 1]);
  assertEquals(console.isBehind, false);
});

Deno.test("Console has room for a megabyte, and again when that has been read", async () => {
  const slow = new SlowStream();
  const console = new Console({ out: slow, error: slow });
  console.out("x".repeat(1024 * 1024));
  await console.room();
  console.out("y");
  let hasRoom = false;
  const room = console.room().then(() => hasRoom = true);
  assertEquals(hasRoom, false);
  slow.read();
  await room;
  await console.flushed();
  assertEquals(slow.written.length, 1024 * 1024 + 1);
});
