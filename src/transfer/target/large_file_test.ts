import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import { bytesOf, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { LargeTarget } from "./large_file.ts";
import { Placement } from "./placement.ts";
import { TargetTree } from "./tree.ts";

const size = extentBytes + 5;
const mtime = { seconds: 1_600_000_000, nanos: 0 };
const refused = new RcopyError("not-permitted", "says the test");

/** A file of one extent and five bytes more, in the folder. */
async function withLarge(
  body: (target: LargeTarget, folder: EngineFolder) => Promise<void> | void,
  faults: readonly Fault[] = [],
): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async (folder) => {
    const { engine, root } = folder;
    const tree = new TargetTree(root, engine.identityOf(root).device);
    const placement = new Placement(engine, tree, { durable: false, dryRun: false });
    const place = { directory: tree.root, name: parseEntryName(bytesOf("large")) };
    const held = { batch: 0, entry: 0, kind: EntryKind.file, mode: 0o640, size, mtime, ...place };
    await body(new LargeTarget({ engine, codec, placement, held }), folder);
    placement.close();
  }, faults);
}

const hashOf = (index: number) => new Uint8Array(16).fill(index + 1);

/** Takes an extent whose write has begun and ended. */
function take(target: LargeTarget, index: number): void {
  target.write(index, () => ({ finish: () => undefined })).finish();
  target.written(index, hashOf(index));
}

/** Names in the private area beside its lock. */
function staged({ names }: EngineFolder): string[] {
  const area = names().find((found) => found.startsWith(".rcopy-"));
  return area === undefined ? [] : names(area).filter((found) => found !== "lock");
}

Deno.test("LargeTarget takes extents on the grid, of their full size", async () => {
  await withLarge((target) => {
    target.check(0, extentBytes);
    target.check(1, 5);
    for (const [index, bytes] of [[0, 5], [1, extentBytes], [1, 0], [2, 5]] as const) {
      const error = assertThrows(() => target.check(index, bytes), RcopyError);
      assertEquals((error as RcopyError).code, "protocol");
    }
    target.abandonUnsettled();
  });
});

Deno.test("LargeTarget writes each extent at its offset, into a file that is not there yet", async () => {
  await withLarge((target, folder) => {
    const offsets: number[] = [];
    for (const index of [1, 0]) {
      target.write(index, (_, offset) => {
        offsets.push(offset);
        return { finish: () => undefined };
      });
    }
    assertEquals([offsets, staged(folder).length, folder.names().includes("large")], [
      [extentBytes, 0],
      1,
      false,
    ]);
    target.abandonUnsettled();
  });
});

Deno.test("LargeTarget has an extent from the start of its write on, and counts it from the end on", async () => {
  await withLarge((target) => {
    assertEquals(target.has(0), false);
    target.write(0, () => ({ finish: () => undefined }));
    assertEquals(target.has(0), true);
    take(target, 1);
    assertEquals(target.isWhole, false);
    target.written(0, hashOf(0));
    assertEquals(target.isWhole, true);
    target.abandonUnsettled();
  });
});

Deno.test("LargeTarget is as the sender says only where the hash of the whole file is that one", async () => {
  await withLarge((target) => {
    for (const index of [0, 1]) take(target, index);
    assertEquals([target.isWhole, target.isAsVerified], [true, false]);
    target.verifiedHash = new Uint8Array(16);
    assertEquals(target.isAsVerified, false);
    using codec = Codec.open({ arenaBytes: 0 });
    target.verifiedHash = codec.hashOf(concat(hashOf(0), hashOf(1)));
    assertEquals(target.isAsVerified, true);
    target.abandonUnsettled();
  });
});

Deno.test("LargeTarget gets mode, time and final name at its end", async () => {
  await withLarge((target, folder) => {
    for (const index of [0, 1]) take(target, index);
    assertEquals(target.finish().length, 16);
    const info = Deno.statSync(`${folder.path}/large`);
    assertEquals([info.mode! & 0o777, info.mtime!.getTime()], [0o640, mtime.seconds * 1000]);
    assertEquals([staged(folder), target.isEnded], [[], true]);
  });
});

Deno.test("LargeTarget hashes its extents in the order of the file, not of their arrival", async () => {
  const hashes: string[] = [];
  for (const order of [[0, 1], [1, 0]]) {
    await withLarge((target) => {
      for (const index of order) take(target, index);
      hashes.push(target.finish().toHex());
    });
  }
  assertEquals(hashes[0], hashes[1]);
});

Deno.test("LargeTarget leaves nothing behind when its end fails", async () => {
  await withLarge((target, folder) => {
    for (const index of [0, 1]) take(target, index);
    assertEquals(assertThrows(() => target.finish(), RcopyError), refused);
    assertEquals([staged(folder), folder.names().includes("large")], [[], false]);
  }, [{ method: "finishTarget", call: 1, error: refused }]);
});

Deno.test("LargeTarget is removed only after the last write under way, and then settles once", async () => {
  await withLarge((target, folder) => {
    let removed = 0;
    for (const index of [0, 1]) target.write(index, () => ({ finish: () => undefined }));
    target.abandon(() => removed++);
    target.abandon(() => removed += 10);
    target.written(1, hashOf(1));
    assertEquals([removed, staged(folder).length, target.isEnded], [0, 1, true]);
    target.written(0, hashOf(0));
    assertEquals([removed, staged(folder), target.isWhole], [1, [], false]);
    target.abandonUnsettled();
    assertEquals([removed, folder.calls.abandonTarget], [1, 1]);
  });
});

Deno.test("LargeTarget asks for an extent again a few times, each extent for itself", async () => {
  await withLarge((target) => {
    const asked = Array.from({ length: resendsMax + 1 }, () => target.mayAskAgain(0));
    assertEquals(asked, [...Array(resendsMax).fill(true), false]);
    assertEquals(target.mayAskAgain(1), true);
    target.abandonUnsettled();
  });
});
