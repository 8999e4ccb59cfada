import { assertEquals, assertStringIncludes } from "@std/assert";
import { showName } from "../../base/show.ts";
import type { TransferSummary } from "../../transfer/session/events.ts";
import { StageAccount } from "../../transfer/session/stage_account.ts";
import { describeStages, renderFailures, renderPlanned, renderSummary } from "./summary.ts";

const summary: TransferSummary = {
  role: "receiver",
  files: 1234,
  directories: 1,
  links: 2,
  bytes: 2_500_000_000,
  keptBytes: 0,
  matchedBytes: 0,
  wireBytes: 2_501_000_000,
  elapsedMs: 2_000,
  skipped: 3,
  compared: 0,
  failed: 21,
  changed: 1,
  grown: 0,
  lacking: 0,
  replaced: 0,
  treeHash: "1237-00112233445566778899aabbccddeeff",
  exitStatus: 23,
};

Deno.test("renderSummary() says files, bytes, time, mean rate, bytes on the wire, skipped, failed and tree hash", () => {
  assertEquals(
    renderSummary(summary),
    "received 1,234 files, 1 directory, 2 links, 2.50 GB in 2.0 s (1.25 GB/s), 2.50 GB on the wire, " +
      "3 skipped, 21 failed, tree hash 1237-00112233445566778899aabbccddeeff",
  );
});

Deno.test("renderSummary() says what was kept, and takes the rate of what travelled", () => {
  const text = renderSummary({ ...summary, keptBytes: 2_000_000_000 });
  assertStringIncludes(
    text,
    "2.50 GB in 2.0 s (250 MB/s), 2.00 GB kept from an earlier run, 2.50 GB on the wire",
  );
});

Deno.test("renderSummary() is silent about what there was none of", () => {
  const plain = renderSummary({
    ...summary,
    directories: 0,
    links: 0,
    skipped: 0,
    compared: 0,
    failed: 0,
    files: 1,
    role: "sender",
  });
  assertEquals(plain.startsWith("sent 1 file, 2.50 GB in"), true);
  assertEquals(/skipped|failed|directory|link/.test(plain), false);
});

Deno.test("renderSummary() says of a dry run what would be copied, and that nothing was written", () => {
  const dry = {
    ...summary,
    dryRun: true as const,
    files: 7,
    directories: 6,
    links: 3,
    bytes: 3_000_000,
    skipped: 0,
    failed: 0,
  };
  const expected = "would copy 7 files, 6 directories, 3 links, 3.00 MB; nothing was written";
  assertEquals(renderSummary(dry), expected);
  assertEquals(renderSummary({ ...dry, role: "sender" }), expected);
  const more = { ...dry, replaced: 2, skipped: 4, compared: 5, differing: 1, failed: 1 };
  assertEquals(
    renderSummary(more),
    "would copy 7 files, 6 directories, 3 links, 3.00 MB, 2 of them in the place of others, " +
      "4 skipped, as they are there already, 5 files compared, 1 of them different, 1 would fail; nothing was written",
  );
});

Deno.test("renderPlanned() says what is new, and what would replace something", () => {
  const row = { type: "planned" as const, path: "a", kind: "file" as const, size: 7, replaces: false };
  assertEquals(renderPlanned(row), "new\tfile\t7 B\ta");
  assertEquals(renderPlanned({ ...row, replaces: true }), "replace\tfile\t7 B\ta");
  assertEquals(renderPlanned({ ...row, kind: "directory" }), "new\tdirectory\t-\ta");
});

Deno.test("renderSummary() says when ssh carried the connections", () => {
  const line = renderSummary({ ...summary, forwarded: true });
  assertStringIncludes(
    line,
    "2.50 GB on the wire through ssh, as no direct connection could be made, 3 skipped",
  );
});

Deno.test("renderFailures() names at most twenty and counts the rest", () => {
  const failures = Array.from(
    { length: 20 },
    (_, i) => ({ path: `f${i}`, code: "io" as const, message: "no" }),
  );
  const lines = renderFailures(failures, 1_000_020);
  assertEquals(lines.length, 21);
  assertEquals(lines[0], "not copied: f0: no");
  assertEquals(lines[20], "not copied: 1,000,000 more");
  assertEquals(renderFailures(failures.slice(0, 2), 2).length, 2);
});

Deno.test("a hostile name reaches the summary escaped", () => {
  const path = showName(Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a, 0xe9));
  const [line] = renderFailures([{ path, code: "io", message: "no" }], 1);
  assertStringIncludes(line!, "\\x1b[2J\\xe9");
});

Deno.test("describeStages() leaves out stages that took no time", () => {
  const { times } = new StageAccount();
  times.scan.busyMs = 7;
  times.network = { busyMs: 3, waitingMs: 20 };
  assertEquals(
    describeStages(times),
    "time by stage, over all lanes: scan 7 ms, network 3 + 20 ms waiting",
  );
});
