import { assertEquals } from "@std/assert";
import { Codec } from "../codec/codec.ts";
import { EntryKind } from "../entry/metadata.ts";
import { parseEntryName } from "../entry/name.ts";
import { newRunJournal } from "../entry/own_files.ts";
import { extentBytes } from "../wire/limits.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../tests/helpers/transfer_parts.ts";
import { findLeftovers, removeLeftover } from "./leftovers.ts";
import { LargeTarget } from "./target/large_file.ts";
import { Placement } from "./target/placement.ts";
import { type HeldTarget, TargetTree } from "./target/tree.ts";

interface Place extends EngineFolder {
  codec: Codec;
  /** Begins a file, or goes on with it; something of it has come. */
  begin: (name: string, changes?: Partial<HeldTarget>) => LargeTarget;
  /** Kind and size of what is found, and what failed. */
  find: () => string[];
  /** Removes all that is found; gives the kinds of what is gone. */
  removeAll: () => string[];
}

async function withDestination(body: (place: Place) => Promise<void> | void): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async (folder) => {
    const { engine, root } = folder;
    const tree = new TargetTree(root, engine.identityOf(root).device);
    const placement = new Placement(engine, tree, { durable: false, dryRun: false });
    const found: string[] = [];
    const walk = { engine, codec, onFailure: ({ code }: { code: string }) => void found.push(code) };
    const place: Place = {
      ...folder,
      codec,
      begin(name, changes = {}) {
        const held: HeldTarget = {
          batch: 0,
          entry: 0,
          kind: EntryKind.file,
          mode: 0o644,
          size: 2 * extentBytes,
          mtime: { seconds: 5, nanos: 0 },
          directory: tree.root,
          name: parseEntryName(bytesOf(name)),
          stamp: new Uint8Array(16),
          ...changes,
        };
        const { target } = LargeTarget.resume({ engine, codec, placement, held });
        target.write(0, (file, offset) => engine.writeRange(file, offset, bytesOf("content")));
        target.written(0, new Uint8Array(16));
        return target;
      },
      find() {
        found.length = 0;
        findLeftovers(root, {
          ...walk,
          onLeftover: ({ kind, bytes }) => void found.push(`${kind} ${bytes}`),
        });
        return found.toSorted();
      },
      removeAll() {
        found.length = 0;
        findLeftovers(root, {
          ...walk,
          onLeftover: (leftover) => {
            if (removeLeftover({ engine, codec }, leftover)) found.push(leftover.kind);
          },
        });
        return found.toSorted();
      },
    };
    await body(place);
    placement.close();
  });
}

Deno.test("what an interrupted run left is found and removed: part, journal, base, journal of a run", async () => {
  await withDestination(({ begin, find, removeAll, write, path, names }) => {
    begin("one").leave();
    begin("two").leave();
    begin("two", { stamp: new Uint8Array(16).fill(1) }).leave();
    write(".rcopy-run-0", newRunJournal());
    Deno.chmodSync(`${path}/.rcopy-run-0`, 0o600);
    write("file", "mine");
    assertEquals(find(), ["base 7", "journal 160", "journal 160", "part 7", "part 7", "run journal 20"]);
    assertEquals(removeAll(), ["base", "journal", "journal", "part", "part", "run journal"]);
    assertEquals([find(), names()], [[], ["file"]]);
  });
});

Deno.test("what a run is writing is not found", async () => {
  await withDestination(({ begin, find, removeAll, names }) => {
    const target = begin("one");
    assertEquals([find(), removeAll(), names().length], [[], [], 2]);
    target.leave();
    assertEquals(find().length, 2);
  });
});

Deno.test("a journal that is damaged is found; a part whose journal is gone as well", async () => {
  await withDestination(({ begin, removeAll, path, names }) => {
    begin("one").leave();
    const journal = names().find((name) => name.endsWith(".journal"))!;
    const whole = Deno.readFileSync(`${path}/${journal}`);
    Deno.writeFileSync(`${path}/${journal}`, whole.with(30, whole[30]! ^ 1));
    assertEquals(removeAll(), ["journal", "part"]);
    begin("one").leave();
    Deno.removeSync(`${path}/${journal}`);
    assertEquals(removeAll(), ["part"]);
  });
});

Deno.test("what is somebody's is neither found nor removed, whatever its name", async () => {
  await withDestination(({ find, removeAll, write, path, names }) => {
    const stem = ".rcopy-abcdefghijklmnopqrstuvwxyz";
    for (const ending of ["part", "journal", "base"]) {
      write(`${stem}.${ending}`, "mine, and longer than a header is");
    }
    write(".rcopy-run-1", "mine");
    write(".rcopy-notes", "mine");
    write(`a/${stem}.part/file`, "in a directory of such a name");
    new Deno.Command("mkfifo", { args: [`${path}/${stem.replace("abc", "cba")}.part`] }).outputSync();
    Deno.symlinkSync("/etc/hostname", `${path}/${stem.replace("abc", "bca")}.journal`);
    const before = names();
    assertEquals([find(), removeAll(), names()], [[], [], before]);
    assertEquals(textOf(Deno.readFileSync(`${path}/${stem}.journal`)), "mine, and longer than a header is");
  });
});
