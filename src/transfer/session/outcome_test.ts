import { assertEquals } from "@std/assert";
import { EntryKind } from "../../entry/metadata.ts";
import type { TransferEvent } from "./events.ts";
import { Outcome } from "./outcome.ts";

function outcome(): { counts: Outcome; events: TransferEvent[] } {
  const events: TransferEvent[] = [];
  return { counts: new Outcome("receiver", (event) => events.push(event)), events };
}

Deno.test("Outcome counts entries by kind, and the bytes of files alone", () => {
  const { counts } = outcome();
  counts.countPlaced(EntryKind.file, 5);
  counts.countPlaced(EntryKind.file, 6);
  counts.countPlaced(EntryKind.directory, 4096);
  counts.countPlaced(EntryKind.link, 4096);
  counts.skipped = 2;
  counts.failed = 1;
  assertEquals([counts.files, counts.directories, counts.links, counts.bytes], [2, 1, 1, 11]);
  assertEquals(counts.settled, 7);
});

Deno.test("Outcome has status 0 without failures, 24 if all of them vanished or changed, and 23 else", () => {
  const { counts, events } = outcome();
  assertEquals(counts.exitStatus, 0);
  for (const code of ["vanished", "changed"] as const) {
    counts.report(`a/${code}`, code, "says the test");
    counts.failed++;
  }
  assertEquals(counts.exitStatus, 24);
  counts.report("b", "not-permitted", "says the test");
  counts.failed++;
  assertEquals([counts.exitStatus, counts.changed, events.length], [23, 2, 3]);
  const failure = { path: "b", code: "not-permitted" as const, message: "says the test" };
  assertEquals(events[2], { type: "failure", failure });
});

Deno.test("Outcome never shows more done than there is, where something was sent twice", () => {
  const { counts } = outcome();
  const at = { entriesTotal: 3, growing: true, limitedBy: undefined };
  const { bytesDone, bytesTotal, role } = counts.progress({
    bytesDone: 12,
    bytesKept: 0,
    bytesWanted: 10,
    ...at,
  });
  assertEquals([bytesDone, bytesTotal, role], [12, 12, "receiver"]);
  assertEquals(counts.progress({ bytesDone: 2, bytesKept: 3, bytesWanted: 10, ...at }).bytesTotal, 10);
});
