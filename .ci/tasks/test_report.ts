/** What a run of `deno test` came to, read from its JUnit report. */
import type { TestEnd } from "./test_process.ts";

export interface TestReport {
  passed: number;
  failed: number;
  /** Names of the tests that were skipped. */
  skipped: string[];
}

/** A test and what it took. */
export interface TimedTest {
  name: string;
  seconds: number;
}

/** Reads a JUnit report as Deno writes it: one `testcase` a test, with `failure` or `skipped` inside. */
export function parseJUnit(xml: string): TestReport {
  const report: TestReport = { passed: 0, failed: 0, skipped: [] };
  for (const { attributes, body } of casesIn(xml)) {
    if (/<(failure|error)\b/.test(body)) report.failed++;
    else if (!/<skipped\b/.test(body)) report.passed++;
    // A test that the filter leaves out is in the report, too, and has no time.
    else if (/\btime="/.test(attributes)) report.skipped.push(nameIn(attributes));
  }
  return report;
}

/** The names of all tests of a report, also of those that did not run. */
export function namesIn(xml: string): string[] {
  return casesIn(xml).map(({ attributes }) => nameIn(attributes));
}

/** What each test took, the longest first; steps are within their tests. */
export function timesIn(xmls: readonly string[]): TimedTest[] {
  return xmls.flatMap(casesIn).map(({ attributes }) => ({
    name: nameIn(attributes),
    seconds: Number(/\btime="([\d.]+)"/.exec(attributes)?.[1] ?? 0),
  })).sort((a, b) => b.seconds - a.seconds);
}

function casesIn(xml: string): { attributes: string; body: string }[] {
  return [...xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)]
    .map(([, attributes, body = ""]) => ({ attributes: attributes!, body }));
}

function nameIn(attributes: string): string {
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return (/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "").replace(
    /&(?:#(x?)([0-9a-f]+)|(\w+));/gi,
    (_, hexadecimal, digits, word) =>
      word ? entities[word] ?? "" : String.fromCodePoint(parseInt(digits, hexadecimal ? 16 : 10)),
  );
}

/**
 * A process of `deno test` that has ended. A failure that its report does not have counts as one all the same, and so does
 * a process without a single test.
 */
export function reportOf({ success, xml, ended }: Pick<TestEnd, "success" | "xml" | "ended">): TestReport {
  const report = xml === "" ? countOf(ended) : parseJUnit(xml);
  const isEmpty = report.passed + report.failed + report.skipped.length === 0;
  if (isEmpty || !success && (xml === "" || report.failed === 0)) report.failed++;
  return report;
}

/** What the output says, where there is no report. */
function countOf(ended: TestEnd["ended"]): TestReport {
  const those = (outcome: string) => ended.filter((test) => test.outcome === outcome);
  return {
    passed: those("passed").length,
    failed: those("failed").length,
    skipped: those("ignored").map(({ name }) => name),
  };
}

/** All reports as one. */
export function addUp(reports: readonly TestReport[]): TestReport {
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    skipped: reports.flatMap(({ skipped }) => skipped),
  };
}

/** What must run where the environment says that it can; see the reasons in the names of the tests. */
export interface Requirements {
  uring: boolean;
  oracles: boolean;
}

/** The skipped tests that had to run, by the reasons in their names. */
export function wronglySkipped(skipped: readonly string[], required: Requirements): string[] {
  return skipped.filter((name) =>
    (required.uring && /uring/i.test(name)) ||
    (required.oracles && /not installed|no compiler|missing/i.test(name))
  );
}
