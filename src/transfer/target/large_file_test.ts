import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { temporaryName } from "../../entry/temporary_name.ts";
import { LargeTarget } from "./large_file.ts";
import { createPart } from "./part.ts";
import { Placement } from "./placement.ts";
import { TargetTree } from "./tree.ts";

const size = extentBytes + 5;
const mtime = { seconds: 1_600_000_000, nanos: 0 };
const refused = new RcopyError("not-permitted", "says the test");

/** A file of one extent and five bytes more, in the folder. */
async function withLarge(
  body: (target: LargeTarget, folder: EngineFolder) => Promise<void> | void,
  { faults = [], before }: { faults?: readonly Fault[]; before?: (folder: EngineFolder) => void } = {},
): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async (folder) => {
    const { engine, root } = folder;
    before?.(folder);
    const tree = new TargetTree(root, engine.identityOf(root).device);
    const placement = new Placement(engine, tree, { durable: false, dryRun: false });
    const place = { directory: tree.root, name: parseEntryName(bytesOf("large")) };
    const [found] = engine.lookup(root, [place.name]);
    const replaces = found instanceof RcopyError ? undefined : found;
    const held = { batch: 0, entry: 0, kind: EntryKind.file, mode: 0o640, size, mtime, ...place, replaces };
    await body(LargeTarget.create({ engine, codec, placement, held }), folder);
    placement.close();
  }, faults);
}

const hashOf = (index: number) => new Uint8Array(16).fill(index + 1);

/** Takes an extent whose write has begun and ended. */
function take(target: LargeTarget, index: number): void {
  target.write(index, () => ({ finish: () => undefined })).finish();
  target.written(index, hashOf(index));
}

/** Files under temporary names. */
function staged({ names }: EngineFolder): string[] {
  return names().filter((found) => found.startsWith(".rcopy-"));
}

Deno.test("LargeTarget takes extents on the grid, of their full size", async () => {
  await withLarge((target) => {
    target.check(0, extentBytes);
    target.check(1, 5);
    for (const [index, bytes] of [[0, 5], [1, extentBytes], [1, 0], [2, 5]] as const) {
      const error = assertThrows(() => target.check(index, bytes), RcopyError);
      assertEquals((error as RcopyError).code, "protocol");
    }
    target.leave();
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
      2,
      false,
    ]);
    target.leave();
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
    target.leave();
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
    target.leave();
  });
});

Deno.test("LargeTarget gets mode, time and final name at its end", async () => {
  await withLarge((target, folder) => {
    for (const index of [0, 1]) take(target, index);
    assertEquals(target.mustBeSynced, false, "there is nothing that could be lost with it");
    assertEquals(target.finish().content!.length, 16);
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
      hashes.push(target.finish().content!.toHex());
    });
  }
  assertEquals(hashes[0], hashes[1]);
});

Deno.test("LargeTarget leaves its part and the journal for a later run when its end fails", async () => {
  for (const method of ["finishTarget", "place"] as const) {
    await withLarge((target, folder) => {
      for (const index of [0, 1]) take(target, index);
      assertEquals(assertThrows(() => target.finish(), RcopyError), refused);
      assertEquals([staged(folder).length, folder.names().includes("large")], [2, false]);
    }, { faults: [{ method, call: 1, error: refused }] });
  }
});

Deno.test("LargeTarget is removed only after the last write under way, and then settles once", async () => {
  await withLarge((target, folder) => {
    let removed = 0;
    for (const index of [0, 1]) target.write(index, () => ({ finish: () => undefined }));
    target.abandon("left", () => removed++);
    target.abandon("left", () => removed += 10);
    target.written(1, hashOf(1));
    assertEquals([removed, staged(folder).length, target.isEnded], [0, 2, true]);
    target.written(0, hashOf(0));
    assertEquals([removed, staged(folder), target.isWhole], [1, [], false]);
    target.leave();
    assertEquals([removed, folder.calls.abandonTarget], [1, 1]);
  });
});

Deno.test("LargeTarget stays with its journal where something of it is there, unless it must not be believed", async () => {
  for (const [leftover, extents, files] of [["left", 1, 2], ["left", 0, 0], ["removed", 1, 0]] as const) {
    await withLarge((target, folder) => {
      for (let index = 0; index < extents; index++) take(target, index);
      const isLeft: boolean[] = [];
      target.abandon(leftover, (left) => isLeft.push(left));
      assertEquals([staged(folder).length, isLeft, target.leave()], [files, [files > 0], false]);
    });
  }
});

Deno.test("LargeTarget asks for an extent again a few times, each extent for itself", async () => {
  await withLarge((target) => {
    const asked = Array.from({ length: resendsMax + 1 }, () => target.mayAskAgain(0));
    assertEquals(asked, [...Array(resendsMax).fill(true), false]);
    assertEquals(target.mayAskAgain(1), true);
    target.leave();
  });
});

Deno.test("LargeTarget replaces a file only when its own content is on the disk, and only the file that was seen", async () => {
  for (const isChanged of [false, true]) {
    await withLarge(async (target, folder) => {
      for (const index of [0, 1]) take(target, index);
      if (isChanged) folder.write("large", "changed");
      assertEquals(target.mustBeSynced, true);
      await target.sync();
      if (isChanged) {
        assertEquals((assertThrows(() => target.finish(), RcopyError) as RcopyError).code, "exists");
      } else target.finish();
      const { size: found } = Deno.statSync(`${folder.path}/large`);
      assertEquals([folder.calls.syncTarget, staged(folder), found], [1, [], isChanged ? 7 : 0]);
    }, { before: (folder) => folder.write("large", "old") });
  }
});

const part = textOf(temporaryName(parseEntryName(bytesOf("large"))));
const leftovers: [what: string, isOurs: boolean, plant: (path: string) => void][] = [
  ["a part that a killed run left", true, (path) => {
    Deno.writeTextFileSync(path, "half");
    Deno.chmodSync(path, 0o1600);
  }],
  ["a file of somebody", false, (path) => Deno.writeTextFileSync(path, "mine", { mode: 0o644 })],
  ["a directory", false, (path) => Deno.mkdirSync(path)],
  ["a link", false, (path) => Deno.symlinkSync("/etc/passwd", path)],
  ["a file with a second name", false, (path) => {
    Deno.writeTextFileSync(path, "mine");
    Deno.chmodSync(path, 0o1600);
    Deno.linkSync(path, `${path}-other`);
  }],
];
for (const [what, isOurs, plant] of leftovers) {
  Deno.test(`LargeTarget ${isOurs ? "replaces" : "leaves alone"} ${what} under its temporary name`, async () => {
    await withLarge((target, folder) => {
      for (const index of [0, 1]) take(target, index);
      target.finish();
      assertEquals(folder.names().includes("large"), true);
      assertEquals(folder.names().includes(part), !isOurs);
      if (what === "a file of somebody") {
        assertEquals(Deno.readTextFileSync(`${folder.path}/${part}`), "mine");
      }
    }, { before: (folder) => plant(`${folder.path}/${part}`) });
  });
}

Deno.test("LargeTarget leaves its part for a later run when the disk does not take it before it replaces another", async () => {
  await withLarge(async (target, folder) => {
    for (const index of [0, 1]) take(target, index);
    assertEquals(await assertRejects(() => target.sync(), RcopyError), refused);
    assertEquals([staged(folder).length, Deno.readTextFileSync(`${folder.path}/large`)], [2, "old"]);
  }, {
    before: (folder) => folder.write("large", "old"),
    faults: [{ method: "syncTarget", call: 1, error: refused }],
  });
});

Deno.test("LargeTarget leaves alone a part that a run is still writing", async () => {
  await withLarge((target, folder) => {
    const { engine, root } = folder;
    const other = engine.createTarget(root, temporaryName(parseEntryName(bytesOf("other"))), {
      size,
      mode: 0o644,
    });
    const held = { ...target.held, name: parseEntryName(bytesOf("other")) };
    using codec = Codec.open({ arenaBytes: 0 });
    const second = createPart({ engine, codec, isDurable: false }, held);
    assertEquals(staged(folder).length, 4, "this one and its journal, and two of the other name");
    engine.abandonTarget(other);
    engine.abandonTarget(second.file);
    target.leave();
  });
});
