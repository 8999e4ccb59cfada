import { assert, assertEquals } from "@std/assert";
import { parseEntryName } from "../../entry/name.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { bytesOf } from "../../../tests/helpers/transfer_parts.ts";
import { TargetTree } from "./tree.ts";
import { WriteTimes } from "./write_times.ts";

const file = parseEntryName(bytesOf("file"));
const hour = 3_600_000;

/** A file system whose clock is so many milliseconds ahead of this machine's. */
function timesOn(aheadMs: number): { times: WriteTimes; tree: TargetTree; now: () => bigint } {
  const now = () => BigInt(Date.now() + aheadMs) * 1_000_000n;
  const engine = { lookup: () => [{ ctimeNs: now(), device: 7 }] } as unknown as Engine;
  return { times: new WriteTimes(engine), tree: new TargetTree({ shown: "" } as Directory, 7), now };
}

for (const aheadMs of [0, hour, -hour]) {
  Deno.test(`WriteTimes counts by the clock of the file system, which is ${aheadMs} ms ahead`, () => {
    const { times, tree, now } = timesOn(aheadMs);
    const before = now();
    times.willWrite(7);
    assertEquals(times.since.size, 0, "nothing has been written yet");
    times.hasWritten(tree.root, file);
    const since = times.since.get(7)!;
    // Not after the begin, and not much before it: what is older is not the run's.
    assert(since <= before && since > before - 1_000_000_000n, `${since} of ${before}`);
  });
}

Deno.test("WriteTimes knows nothing of a file system to which nothing was written", () => {
  const { times, tree } = timesOn(0);
  times.willWrite(8);
  times.hasWritten(tree.root, file);
  assertEquals(times.since.size, 0);
});
