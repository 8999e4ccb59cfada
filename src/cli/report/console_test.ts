import { assertEquals } from "@std/assert";

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
