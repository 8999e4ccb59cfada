/** What a person reads of an error that ends a run. */
import { assertEquals, assertMatch } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { complain } from "./complaint.ts";
import type { Console } from "./console.ts";

function complaintOf(thrown: unknown): { status: number; said: string } {
  let said = "";
  const console = { error: (text: string) => said += text } as unknown as Console;
  return { status: complain(console, thrown, "info"), said };
}

Deno.test("an error is its message, and anything else an internal fault", () => {
  assertEquals(complaintOf(new RcopyError("usage", "no such option")), {
    status: 2,
    said: "rcopy: no such option\n",
  });
  assertEquals(
    complaintOf(new TypeError("x is not a function")).said,
    "rcopy: internal fault: x is not a function\n",
  );
});

Deno.test("a package that cannot be fetched is said in words, with what to run", () => {
  const words = 'Failed loading https://example.invalid/pkg for package "pkg"\n' +
    "  0: error sending request\n    at \x1b[36mfile:///a.ts\x1b[0m";
  const { status, said } = complaintOf(new TypeError(words));
  assertEquals([status, said.split("\n").length], [1, 2]);
  assertMatch(
    said,
    /is not on this machine yet, .*Failed loading .*with a network, once: deno cache --no-config \S+\n$/,
  );
});
