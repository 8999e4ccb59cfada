/** What a run of `deno test` came to, read from its JUnit report. */

export interface TestReport {
  passed: number;
  failed: number;
  /** Names of the tests that were skipped. */
  skipped: string[];
}

/** Reads a JUnit report as Deno writes it: one `testcase` a test, with `failure` or `skipped` inside. */
export function parseJUnit(xml: string): TestReport {
  const report: TestReport = { passed: 0, failed: 0, skipped: [] };
  for (
    const [, attributes, body = ""] of xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)
  ) {
    if (/<(failure|error)\b/.test(body)) report.failed++;
    else if (/<skipped\b/.test(body)) report.skipped.push(nameIn(attributes!));
    else report.passed++;
  }
  return report;
}

function nameIn(attributes: string): string {
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return (/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "").replace(
    /&(?:#(x?)([0-9a-f]+)|(\w+));/gi,
    (_, hexadecimal, digits, word) =>
      word ? entities[word] ?? "" : String.fromCodePoint(parseInt(digits, hexadecimal ? 16 : 10)),
  );
}

/** A process of `deno test` that has ended: a failure that its report does not have counts as one all the same. */
export function reportOf({ success, xml }: { success: boolean; xml: string }): TestReport {
  const report = parseJUnit(xml);
  if (report.failed === 0 && (!success || report.passed === 0)) report.failed = 1;
  return report;
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
