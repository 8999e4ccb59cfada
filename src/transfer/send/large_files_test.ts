import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import type { Kept } from "../../wire/data.ts";
import { extentBytes, keptExtentsMax, keptHashesMax } from "../../wire/limits.ts";
import {
  entryOf,
  inFolder,
  scannedBatch,
  type SendParts,
  sendParts,
} from "../../../tests/helpers/transfer_parts.ts";
import { entryKey } from "../session/entry_key.ts";
import { type SendBatch, SendState } from "../source/batch.ts";

interface Place extends SendParts {
  batch: SendBatch;
  path: string;
  /** Tells what the receiver has of a file. */
  keep: (name: string, values: Partial<Kept>) => void;
}

/** A plan of files of so many bytes, of each of which the receiver has something. */
async function withKept(sizes: Record<string, number>, body: (place: Place) => unknown): Promise<void> {
  await inFolder(async ({ engine, path, write }) => {
    for (const [name, size] of Object.entries(sizes)) {
      write(name);
      Deno.truncateSync(`${path}/${name}`, size);
    }
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    parts.unsettled.add(batch);
    const entries = Object.keys(sizes).map((name) => entryOf(batch, name)).toSorted((a, b) => a - b);
    batch.isPlanned = false; // nothing has been said of it yet
    batch.markWanted({
      kind: "wants",
      batch: batch.number,
      all: true,
      bitmap: new Uint8Array(0),
      kept: Uint32Array.from(entries),
      compared: new Uint32Array(0),
    });
    parts.plan.add(batch, Uint32Array.from(entries));
    const keep = (name: string, values: Partial<Kept>) =>
      parts.largeFiles.onKept({
        kind: "kept",
        batch: batch.number,
        entry: entryOf(batch, name),
        first: 0,
        bitmap: new Uint8Array(0),
        hashes: new Uint8Array(0),
        more: false,
        ...values,
      });
    await body({ ...parts, batch, path, keep });
  });
}

/** Numbers of the extents that the plan has. */
function extentsOf({ plan }: Place): number[] {
  const extents: number[] = [];
  for (let job = plan.next(Infinity); job; job = plan.next(Infinity)) {
    if (job.of === "extent") extents.push(job.index);
  }
  return extents;
}

const code = (body: () => void) => (assertThrows(body, RcopyError) as RcopyError).code;
const bits = (...bytes: number[]) => ({
  bitmap: Uint8Array.from(bytes),
  hashes: new Uint8Array(16 * bytes.map((byte) => byte.toString(2)).join("").replaceAll("0", "").length).fill(
    7,
  ),
});

Deno.test("SendLargeFiles sends nothing of a file before it is told all that is kept, and then what is missing", async () => {
  await withKept({ a: 9 * extentBytes + 1 }, (at) => {
    assertEquals(extentsOf(at), []);
    at.keep("a", { ...bits(0b101), more: true });
    assertEquals(extentsOf(at), []);
    at.keep("a", { first: 8, ...bits(0b10) });
    assertEquals(extentsOf(at), [1, 3, 4, 5, 6, 7, 8]);
    assertEquals(at.kept.bytes, 2 * extentBytes + 1);
  });
});

Deno.test("SendLargeFiles sends a file whole of which nothing is kept after all", async () => {
  await withKept({ a: extentBytes + 1 }, (at) => {
    at.keep("a", {});
    assertEquals([extentsOf(at), at.kept.bytes], [[0, 1], 0]);
  });
});

Deno.test("SendLargeFiles vouches at once for a file of which nothing is missing, if it is as it was listed", async () => {
  await withKept({ a: 2 * extentBytes, b: 2 * extentBytes }, async (at) => {
    at.keep("a", bits(0b11));
    Deno.truncateSync(`${at.path}/b`, 5);
    at.keep("b", bits(0b11));
    assertEquals(extentsOf(at), []);
    const [verified, failed] = await at.heard();
    const hash = at.codec.hashOf(new Uint8Array(32).fill(7));
    assertEquals(verified, { kind: "fileVerified", batch: 0, entry: entryOf(at.batch, "a"), hash });
    assertEquals(failed?.kind, "failure");
    assertEquals(at.batch.states[entryOf(at.batch, "a")], SendState.sent);
  });
});

Deno.test("SendLargeFiles refuses what nobody waits for, and what no such file can have", async () => {
  await withKept({ a: 3 * extentBytes }, (at) => {
    assertEquals(code(() => at.keep("a", { batch: 1 })), "protocol");
    assertEquals(code(() => at.keep("a", bits(0b1000))), "protocol");
    at.keep("a", { ...bits(0b10), more: true });
    assertEquals(code(() => at.keep("a", bits(0b10))), "protocol");
    at.keep("a", { first: 2, ...bits(1) });
    assertEquals(code(() => at.keep("a", {})), "protocol");
  });
});

Deno.test("SendLargeFiles holds no more hashes than the protocol lets a receiver tell, without those of settled files", async () => {
  const extents = keptHashesMax / 2 + 1;
  await withKept({ a: extents * extentBytes, b: extents * extentBytes }, (at) => {
    const piece = {
      bitmap: new Uint8Array(keptExtentsMax / 8).fill(255),
      hashes: new Uint8Array(16 * keptExtentsMax),
    };
    const tell = (name: string) => {
      for (let first = 0; first + keptExtentsMax <= extents; first += keptExtentsMax) {
        at.keep(name, { first, ...piece, more: true });
      }
    };
    tell("a");
    tell("b");
    const one = { first: extents - 1, ...bits(1), more: true };
    assertEquals(code(() => at.keep("a", one)), "protocol");
    at.large.get(entryKey(0, entryOf(at.batch, "b")))![Symbol.dispose]();
    at.keep("a", one);
  });
});
