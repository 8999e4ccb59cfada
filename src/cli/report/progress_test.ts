import { assert, assertEquals } from "@std/assert";
import type { ProgressSnapshot } from "../../transfer/session/events.ts";
import { ProgressHistory, renderProgress } from "./progress.ts";

function snapshot(changes: Partial<ProgressSnapshot> = {}): ProgressSnapshot {
  return {
    role: "receiver",
    elapsedMs: 1000,
    bytesDone: 500_000_000,
    keptBytes: 0,
    bytesTotal: 2_000_000_000,
    entriesDone: 10,
    entriesTotal: 1234,
    growing: false,
    skipped: 0,
    failed: 0,
    limitedBy: "network",
    ...changes,
  };
}

Deno.test("renderProgress() shows bytes, percent, rate, time left, entries and what limits", () => {
  assertEquals(
    renderProgress(snapshot(), { rate: 250_000_000 }, 120),
    "500 MB of 2.00 GB  25 %  250 MB/s  6.0 s left  10 of 1,234 entries  limited by network",
  );
});

Deno.test("renderProgress() counts what was kept as there, says how much, and reaches 100 % with it", () => {
  const kept = { keptBytes: 1_000_000_000 };
  assertEquals(
    renderProgress(snapshot(kept), { rate: 250_000_000 }, 120),
    "1.50 GB of 2.00 GB  75 %  250 MB/s  2.0 s left  10 of 1,234 entries  1.00 GB kept  limited by network",
  );
  const all = { ...kept, bytesDone: 1_000_000_000, entriesDone: 1234, limitedBy: undefined };
  assertEquals(
    renderProgress(snapshot(all), { rate: 0 }, 120),
    "2.00 GB of 2.00 GB  100 %  0 B/s  1,234 of 1,234 entries  1.00 GB kept",
  );
});

Deno.test("renderProgress() marks totals that still grow and shows neither percent nor time left", () => {
  assertEquals(
    renderProgress(snapshot({ growing: true, limitedBy: undefined }), { rate: 1_000_000 }, 120),
    "500 MB of 2.00 GB+  1.00 MB/s  10 of 1,234+ entries",
  );
});

Deno.test("renderProgress() says 100 % only when every entry is done", () => {
  const allBytes = { bytesDone: 2_000_000_000 };
  assert(renderProgress(snapshot(allBytes), { rate: 0 }, 120).includes(" 99 %"));
  assert(renderProgress(snapshot({ ...allBytes, entriesDone: 1234 }), { rate: 0 }, 120).includes(" 100 %"));
});

Deno.test("renderProgress() counts entries where there are no bytes", () => {
  const empty = { bytesDone: 0, bytesTotal: 0 };
  assertEquals(
    renderProgress(snapshot({ ...empty, entriesDone: 617 }), { rate: 0 }, 120),
    "50 %  617 of 1,234 entries  limited by network",
  );
  assert(
    renderProgress(snapshot({ ...empty, entriesDone: 0, entriesTotal: 0 }), { rate: 0 }, 120).includes(
      "100 %",
    ),
  );
});

Deno.test("renderProgress() is never wider than the terminal, and drops the least important first", () => {
  for (let columns = 0; columns < 100; columns++) {
    assert(renderProgress(snapshot({ failed: 3 }), { rate: 250_000_000 }, columns).length <= columns);
  }
  assertEquals(
    renderProgress(snapshot(), { rate: 250_000_000 }, 45),
    "500 MB of 2.00 GB  25 %  250 MB/s  6.0 s left",
  );
});

Deno.test("ProgressHistory never goes backwards", () => {
  const history = new ProgressHistory();
  history.add(snapshot({ bytesDone: 100, entriesDone: 5 }));
  history.add(snapshot({ bytesDone: 90, entriesDone: 4, limitedBy: undefined }));
  assertEquals([history.latest!.bytesDone, history.latest!.entriesDone], [100, 5]);
  assertEquals(history.latest!.limitedBy, "network");
});

Deno.test("ProgressHistory gives the rate of the last second, not of the whole run", () => {
  const history = new ProgressHistory();
  for (let tick = 0; tick <= 50; tick++) {
    // 100 MB/s for eight seconds, then 10 MB/s.
    const elapsedMs = tick * 200;
    const bytesDone = Math.min(tick, 40) * 20_000_000 + Math.max(0, tick - 40) * 2_000_000;
    history.add(snapshot({ elapsedMs, bytesDone }));
  }
  assertEquals(Math.round(history.rate), 10_000_000);
});

Deno.test("ProgressHistory gives the rate since the start where a session is shorter than its first snapshots", () => {
  const history = new ProgressHistory();
  assertEquals(history.rate, 0);
  history.add(snapshot({ elapsedMs: 50, bytesDone: 5_000_000 }));
  assertEquals(Math.round(history.rate), 100_000_000);
});

Deno.test("ProgressHistory never shows more done than there is", () => {
  const history = new ProgressHistory();
  history.add(snapshot({ entriesDone: 3, entriesTotal: 2 }));
  assertEquals([history.latest!.entriesDone, history.latest!.entriesTotal], [3, 3]);
});

Deno.test("a network that brings nothing is said to be silent, for how long, and that nobody need do anything", () => {
  const history = new ProgressHistory();
  history.add(snapshot({ elapsedMs: 1000 }));
  history.add(snapshot({ elapsedMs: 13_000 }));
  assertEquals(
    renderProgress(history.latest!, history, 120),
    "500 MB of 2.00 GB  25 %  no answer for 12.0 s, it goes on by itself  10 of 1,234 entries",
  );
  history.add(snapshot({ elapsedMs: 14_000, bytesDone: 600_000_000 }));
  assert(!renderProgress(history.latest!, history, 120).includes("no answer"));
  history.add(snapshot({ elapsedMs: 20_000, bytesDone: 600_000_000, limitedBy: "disk write" }));
  assert(!renderProgress(history.latest!, history, 120).includes("no answer"), "it is not the network");
});
