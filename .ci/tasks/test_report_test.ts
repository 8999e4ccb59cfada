import { assertEquals } from "@std/assert";
import { addUp, namesIn, parseJUnit, reportOf, timesIn, wronglySkipped } from "./test_report.ts";

const ended = [
  { name: "one", outcome: "passed" },
  { name: "two", outcome: "failed" },
  { name: "uring: three", outcome: "ignored" },
] as const;

Deno.test("parseJUnit() counts what passed, failed and was skipped, and names the skipped", () => {
  const report = parseJUnit(`<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="deno test" tests="4" failures="1" errors="0">
      <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
        <testcase name="one &gt; zero" classname="./a_test.ts" time="0.001"/>
        <testcase name="two" classname="./a_test.ts" time="0.001">
        </testcase>
        <testcase name="three" classname="./a_test.ts"><failure message="no">Error</failure></testcase>
        <testcase name="four &#39;&#x27; &amp;lt;" classname="./a_test.ts" time="0.000"><skipped/></testcase>
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

Deno.test("a test that the filter leaves out is neither skipped nor passed, and is among the names", () => {
  const xml = '<testcase name="one" time="0.001"/><testcase name="two" line="3"><skipped/></testcase>';
  assertEquals(parseJUnit(xml), { passed: 1, failed: 0, skipped: [] });
  assertEquals(namesIn(xml), ["one", "two"]);
});

Deno.test("timesIn() puts the longest test of all reports first", () => {
  const xmls = [
    '<testcase name="a" time="0.5"/><testcase name="b" time="12.25"/>',
    '<testcase name="c" time="3"/>',
  ];
  assertEquals(timesIn(xmls), [{ name: "b", seconds: 12.25 }, { name: "c", seconds: 3 }, {
    name: "a",
    seconds: 0.5,
  }]);
});

const passing = '<testcase name="one"/><testcase name="two"/>';
const failing = '<testcase name="three"><failure message="no">Error</failure></testcase>';
const skipping = '<testcase name="uring: four" time="0.000"><skipped/></testcase>';

Deno.test("reportOf() fails a process that failed, or ran nothing, whatever it reported", () => {
  assertEquals(reportOf({ success: true, xml: passing, ended: [] }), { passed: 2, failed: 0, skipped: [] });
  const both = reportOf({ success: false, xml: passing + failing, ended: [] });
  assertEquals(both, { passed: 2, failed: 1, skipped: [] });
  assertEquals(
    reportOf({ success: false, xml: passing, ended: [] }).failed,
    1,
    "it leaked, or died after its report",
  );
  assertEquals(reportOf({ success: false, xml: "", ended: [] }).failed, 1, "it was killed");
  assertEquals(
    reportOf({ success: true, xml: "<testsuites></testsuites>", ended: [] }).failed,
    1,
    "no test fits",
  );
  const skipped = reportOf({ success: true, xml: skipping, ended: [] });
  assertEquals(skipped, { passed: 0, failed: 0, skipped: ["uring: four"] });
});

Deno.test("reportOf() counts what the output says of a process that was killed, and the test that hung", () => {
  assertEquals(reportOf({ success: false, xml: "", ended }), {
    passed: 1,
    failed: 2,
    skipped: ["uring: three"],
  });
});

Deno.test("addUp() keeps every count, and the names of what was skipped", () => {
  const reports = [passing, passing + failing + failing, passing + skipping, skipping]
    .map((xml) => reportOf({ success: !xml.includes("failure"), xml, ended: [] }));
  assertEquals(addUp(reports), { passed: 6, failed: 2, skipped: ["uring: four", "uring: four"] });
  assertEquals(addUp([]), { passed: 0, failed: 0, skipped: [] });
});
