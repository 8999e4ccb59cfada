import { assertEquals } from "@std/assert";
import { fileWork, SessionCounts } from "./counts.ts";
import { Outcome } from "./outcome.ts";

Deno.test("SessionCounts counts each entry as some bytes more, done once it is settled", () => {
  const outcome = new Outcome("sender", () => {});
  const counts = new SessionCounts(outcome);
  counts.entries = 10;
  counts.bytesWanted = 1000;
  counts.bytesDone = 300;
  outcome.files = 4;
  assertEquals(counts.work, { workDone: 300 + 4 * fileWork, workLeft: 700 + 6 * fileWork, growing: true });
  outcome.failed = 9; // names that the manifest does not list fail, too
  counts.growing = false;
  assertEquals([counts.work.workLeft, counts.work.growing], [700, false]);
});
