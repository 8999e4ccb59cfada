import { assertEquals } from "@std/assert";
import { TestOutput } from "./test_output.ts";

/** As Deno 2.9.6 prints it, in colours. */
const printed = [
  "\x1b[0m\x1b[38;5;245mrunning 5 tests from ./a_test.ts\x1b[0m\n",
  "plain ... \x1b[0m\x1b[32mok\x1b[0m \x1b[0m\x1b[38;5;245m(610µs)\x1b[0m\n",
  "prints ...\n------- output -------\nother ... ok (5ms)\nmore ...\n----- output end -----\nprints ... ok (113ms)\n",
  "with steps ...\n  one ... ok (0ms)\n  two ...\n------- output -------\nin\n----- output end -----\n  two ... ok (0ms)\n",
  "with steps ... FAILED (due to 1 failed step) (3ms)\n",
  "left out ... ignored (0ms)\n",
  "hangs ...",
].join("");
const names = ["plain", "prints", "with steps", "left out"];

Deno.test("the output of deno test says which test runs and which have ended, wherever it is cut", () => {
  for (const bytes of [1, 7, 100, printed.length]) {
    const output = new TestOutput();
    for (let at = 0; at < printed.length; at += bytes) output.take(printed.slice(at, at + bytes));
    assertEquals(output.ended.map(({ name }) => name), names);
    assertEquals(output.ended.map(({ outcome }) => outcome), ["passed", "passed", "failed", "ignored"]);
    assertEquals([output.file, output.running], ["./a_test.ts", "hangs"]);
  }
});

Deno.test("a test that prints goes on running until it has ended", () => {
  const output = new TestOutput();
  output.take("prints ...");
  assertEquals(output.running, "prints");
  output.take("\n------- output -------\nhello\nother ...");
  assertEquals(output.running, "prints");
  output.take("\n----- output end -----\nprints ... ok (1ms)\n");
  assertEquals(output.running, undefined);
});
