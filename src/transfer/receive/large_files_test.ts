import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import type { LargeTarget } from "../target/large_file.ts";

const hashOf = (index: number) => new Uint8Array(16).fill(index + 1);

interface Place extends ReceiveParts {
  batch: ReceiveBatch;
  folder: EngineFolder;
  /** The sender vouches for entry 0, with the hash of these extents. */
  vouch: (extents?: number[]) => void;
  /** Both extents arrive and are written. */
  fill: (target: LargeTarget) => void;
}

/** Batch 0 with `large` of two extents, `small` and `d`; planned, so that all of it is wanted. */
async function withLarge(body: (place: Place) => Promise<void> | void, faults: Fault[] = []): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const batch = parts.arrive(0, [[0, [
      { name: "large", size: 2 * extentBytes },
      { name: "small", size: extentBytes },
      { name: "d", kind: EntryKind.directory },
    ]]]);
    parts.run.counts.batches = 1;
    parts.plan.make(batch);
    await body({
      ...parts,
      batch,
      folder,
      vouch(extents = [0, 1]) {
        const hash = parts.codec.hashOf(concat(...extents.map(hashOf)));
        parts.large.onVerified({ kind: "fileVerified", batch: 0, entry: 0, hash });
      },
      fill(target) {
        for (const index of [1, 0]) {
          target.write(index, () => ({ finish: () => undefined }));
          target.written(index, hashOf(index));
        }
        parts.large.finishIfWhole(target);
      },
    });
  }, faults);
}

function violation(action: () => unknown): void {
  assertEquals((assertThrows(action, RcopyError) as RcopyError).code, "protocol");
}

Deno.test("LargeFiles places a file that is whole and for which the sender vouches, whichever comes first", async () => {
  for (const vouchFirst of [true, false]) {
    await withLarge(({ large, batch, vouch, fill, folder, run }) => {
      const target = large.begin(batch, 0)!;
      assertEquals([large.get(0, 0), batch.states[0]], [target, EntryState.held]);
      if (vouchFirst) vouch();
      fill(target);
      assertEquals(folder.names().includes("large"), vouchFirst);
      if (!vouchFirst) vouch();
      assertEquals([folder.names().includes("large"), large.get(0, 0)], [true, undefined]);
      assertEquals([run.outcome.files, run.outcome.failed], [1, 0]);
    });
  }
});

Deno.test("LargeFiles keeps the word of the sender until the first extent comes", async () => {
  await withLarge(({ large, batch, vouch, fill, folder }) => {
    vouch();
    fill(large.begin(batch, 0)!);
    assertEquals(folder.names().includes("large"), true);
  });
});

Deno.test("LargeFiles fails a file that is not what the sender read, and leaves nothing of it", async () => {
  await withLarge(({ large, batch, vouch, fill, folder, events }) => {
    const target = large.begin(batch, 0)!;
    vouch([1, 0]);
    fill(target);
    assertEquals([large.get(0, 0), folder.names().includes("large")], [undefined, false]);
    assertEquals(events.map((event) => event.type === "failure" && event.failure.code), ["corrupt"]);
  });
});

Deno.test("LargeFiles asks once about a whole file without a mark, and takes silence about it for a violation", async () => {
  await withLarge(({ large, batch, fill, asked }) => {
    const target = large.begin(batch, 0)!;
    fill(target);
    large.finishIfWhole(target);
    assertEquals(asked.length, 1);
    violation(asked[0]!);
  });
});

Deno.test("LargeFiles is content with a mark that came before the answer", async () => {
  await withLarge(({ large, batch, vouch, fill, asked, run }) => {
    fill(large.begin(batch, 0)!);
    vouch();
    asked[0]!();
    assertEquals(run.outcome.files, 1);
  });
});

Deno.test("LargeFiles takes no word about what is no large file, is not wanted, or was vouched for", async () => {
  await withLarge(({ large, batch, vouch }) => {
    const say = (entry: number, of = 0) =>
      large.onVerified({ kind: "fileVerified", batch: of, entry, hash: new Uint8Array(16) });
    violation(() => say(1)); // small
    violation(() => say(2)); // a directory
    violation(() => say(3)); // beyond the batch
    violation(() => say(0, 1)); // a batch that was not announced
    vouch();
    violation(vouch);
    large.begin(batch, 0);
    violation(vouch);
    batch.states[0] = EntryState.skipped;
    violation(() => large.onPlanned(batch));
  });
});

Deno.test("LargeFiles takes no data of what is no large file, or is not wanted; late data is passed over", async () => {
  await withLarge(({ large, batch }) => {
    for (const entry of [1, 2, 3]) violation(() => large.begin(batch, entry));
    for (const state of [EntryState.announced, EntryState.skipped]) {
      batch.states[0] = state;
      violation(() => large.begin(batch, 0));
    }
    batch.states[0] = EntryState.failed;
    assertEquals(large.begin(batch, 0), undefined);
  });
});

Deno.test("LargeFiles fails a file alone that cannot be created, and the word about it comes to nothing", async () => {
  const error = new RcopyError("not-permitted", "says the test");
  await withLarge(({ large, batch, vouch, run, unsettled }) => {
    assertEquals(large.begin(batch, 0), undefined);
    assertEquals([run.outcome.failed, batch.states[0]], [1, EntryState.failed]);
    vouch();
    unsettled.place(batch, 1, new Uint8Array(16), 0); // the last entry: the batch is settled
    vouch();
    assertEquals([run.outcome.failed, run.outcome.files], [1, 1]);
  }, [{ method: "createTarget", call: 1, error }]);
});

Deno.test("LargeFiles leaves nothing at the end of the session of a file of which nothing has come", async () => {
  await withLarge(({ large, batch, folder }) => {
    large.begin(batch, 0);
    const parts = () => folder.names().filter((name) => name.endsWith(".part")).length;
    assertEquals(parts(), 1);
    assertEquals(large.leaveAll(), { files: 0, bytes: 0 });
    assertEquals([folder.calls.abandonTarget, parts()], [1, 0]);
  });
});
