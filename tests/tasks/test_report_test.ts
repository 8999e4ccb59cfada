import { assertEquals } from "@std/assert";
import { parseJUnit, wronglySkipped } from "./test_report.ts";

Deno.test("parseJUnit() counts what passed, failed and was skipped, and names the skipped", () => {
  const report = parseJUnit(`<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="deno test" tests="4" failures="1" errors="0">
      <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
        <testcase name="one &gt; zero" classname="./a_test.ts" time="0.001"/>
        <testcase name="two" classname="./a_test.ts" time="0.001">
        </testcase>
        <testcase name="three" classname="./a_test.ts"><failure message="no">Error</failure></testcase>
        <testcase name="four &#39;&#x27; &amp;lt;" classname="./a_test.ts"><skipped/></testcase>
      </testsuite>
    </testsuites>`);
  assertEquals(report, { passed: 2, failed: 1, skipped: ["four '' &lt;"] });
});

Deno.test("wronglySkipped() finds the tests of io_uring and of the oracles, each where it must run", () => {
  const skipped = [
    "uring: lists a directory (skipped: EPERM)",
    "hashes (xxhsum is not installed)",
    "as another user (needs root)",
  ];
  assertEquals(wronglySkipped(skipped, { uring: false, oracles: false }), []);
  assertEquals(wronglySkipped(skipped, { uring: true, oracles: false }), [skipped[0]!]);
  assertEquals(wronglySkipped(skipped, { uring: false, oracles: true }), [skipped[1]!]);
});
