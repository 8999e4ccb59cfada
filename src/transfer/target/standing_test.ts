import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { parseEntryName } from "../../entry/name.ts";
import fc from "fast-check";
import { EntryKind, type Metadata } from "../../entry/metadata.ts";
import type { Directory, Engine, EntryLookup } from "../../io/contract/engine.ts";
import { FoundEntries, type NameRun } from "../../io/contract/found.ts";
import { mayBeUnfinished } from "../../io/contract/unfinished.ts";
import { extentBytes } from "../../wire/limits.ts";
import {
  arrivedBatch,
  bytesOf,
  type EngineFolder,
  inFolder,
  textOf,
} from "../../../tests/helpers/transfer_parts.ts";
import { EntryState } from "./batch.ts";
import { FileSystems, sameTime } from "./file_systems.ts";
import { FoldedNames } from "./folded_names.ts";
import { markUnchanged, StandingEntries } from "./standing.ts";
import { TargetTree } from "./tree.ts";

const name = (text: string) => parseEntryName(bytesOf(text));

/** What stands under names; of an engine that takes names for one, where `fold` makes them equal. */
function standing(folder: EngineFolder, fold?: (text: string) => string): (...names: string[]) => string[] {
  const engine = fold ? folding(folder, fold) : folder.engine;
  const tree = new TargetTree(folder.root, engine.identityOf(folder.root).device);
  const entries = new StandingEntries(engine, new FileSystems(engine, { dryRun: false }));
  return (...names) => {
    const found = entries.lookUp(tree.root, nameRunOf(names));
    return names.map((text, row) => {
      const judged = entries.judge(tree.root, name(text), found.at(row));
      if (!judged) return "free";
      if (judged instanceof RcopyError) return judged.code;
      return judged.isUnfinished ? "unfinished" : "there";
    });
  };
}

/** Names as a batch has them. */
function nameRunOf(names: string[]): NameRun {
  const files = names.map((name) => ({ name, kind: EntryKind.file }));
  return arrivedBatch(0, [[0, files]]).nameRun(0, names.length);
}

function folding({ engine, names }: EngineFolder, fold: (text: string) => string): Engine {
  return new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (property === "lookup") {
        return (directory: Parameters<Engine["lookup"]>[0], asked: Parameters<Engine["lookup"]>[1]) =>
          engine.lookup(
            directory,
            asked.map((one) =>
              name(names().find((there) => fold(there) === fold(textOf(one))) ?? textOf(one))
            ),
          );
      }
      if (property === "lookUpAll") {
        return (directory: Directory, { names: blob, starts, from, to }: NameRun, found: FoundEntries) => {
          found.reset(to - from);
          for (let i = from; i < to; i++) {
            const text = textOf(blob.subarray(starts[i], starts[i + 1]! - 1));
            const [there] = engine.lookup(directory, [
              name(names().find((each) => fold(each) === fold(text)) ?? text),
            ]);
            if (there && !(there instanceof RcopyError)) found.put(i - from, there);
          }
        };
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const lower = (text: string) => text.toLowerCase();
const composed = (text: string) => text.normalize("NFC");
const asFat = (text: string) => text.toLowerCase().replace(/[. ]+$/, "");

Deno.test("StandingEntries finds what is there, and nothing else", async () => {
  await inFolder((folder) => {
    folder.write("a");
    folder.write("A");
    assertEquals(standing(folder)("a", "A", "b"), ["there", "there", "free"]);
  });
});

Deno.test("StandingEntries takes the entry of another name for an error where names are folded", async () => {
  await inFolder((folder) => {
    folder.write("Readme");
    folder.write("same");
    const look = standing(folder, lower);
    assertEquals(look("README", "same", "new"), ["exists", "there", "free"]);
    folder.write("new");
    assertEquals(look("NEW", "Readme", "Same"), ["exists", "there", "exists"], "also of what the run made");
  });
});

Deno.test("StandingEntries knows forms of letters, and what a file system gives back in another form", async () => {
  await inFolder((folder) => {
    folder.write("e\u0301"); // decomposed
    const look = standing(folder, composed);
    assertEquals(look("\u00e9"), ["there"], "the same name, as the file system spells it");
    assertEquals(look("e\u0301"), ["exists"], "the manifest has both, and there is one");
  });
});

Deno.test("StandingEntries takes a name without its last dots for the one that was given, once", async () => {
  await inFolder((folder) => {
    folder.write("report");
    assertEquals(standing(folder, asFat)("report.", "report"), ["there", "exists"]);
  });
});

Deno.test("StandingEntries asks about folding once a directory, and does not list where names are kept", async () => {
  await inFolder((folder) => {
    for (const one of ["a", "b", "c"]) folder.write(one);
    const look = standing(folder);
    const { lookup: before = 0 } = folder.calls;
    look("a", "b", "c");
    look("a");
    const { lookUpAll, lookup, list = 0 } = folder.calls;
    assertEquals([lookUpAll, lookup! - before, list], [2, 1, 0]);
  });
});

Deno.test("StandingEntries takes what a killed run left for unfinished, and the like of others for there", async () => {
  await inFolder((folder) => {
    const { path, write } = folder;
    const at = (one: string, mode: number, seconds: number) => {
      write(one, "half");
      Deno.utimeSync(`${path}/${one}`, seconds, seconds);
      Deno.chmodSync(`${path}/${one}`, mode);
    };
    at("marked", 0o1600, 1_600_000_000);
    at("stand-in", 0o600, 0);
    at("private", 0o600, 1_600_000_000);
    at("old", 0o644, 0);
    at("sticky", 0o1644, 1_600_000_000);
    Deno.mkdirSync(`${path}/directory`);
    Deno.chmodSync(`${path}/directory`, 0o1600);
    assertEquals(standing(folder)("marked", "stand-in", "private", "old", "sticky", "directory"), [
      "unfinished",
      "unfinished",
      "there",
      "there",
      "there",
      "there",
    ]);
  });
});

const sizes = [0, 10, extentBytes, extentBytes + 1];
const times = [0, 1, 100, 315_619_199, 1_700_000_000, -5];
const metadata = fc.record({
  kind: fc.constantFrom(EntryKind.file, EntryKind.directory, EntryKind.link),
  mode: fc.constantFrom(0o644, 0o600, 0o200),
  size: fc.constantFrom(...sizes),
  mtime: fc.record({ seconds: fc.constantFrom(...times), nanos: fc.constantFrom(0, 1, 999_999, 1_000_000) }),
});
/** Mostly what is wanted, with other things changed. */
const pair = metadata.chain((wanted) =>
  fc.record({
    wanted: fc.constant(wanted),
    found: fc.record({
      isThere: fc.constantFrom(true, true, true, false),
      other: fc.oneof({ weight: 3, arbitrary: fc.constant(wanted) }, { weight: 1, arbitrary: metadata }),
      special: fc.constantFrom(0, 0, 0, 0o1000, 0o4000),
      links: fc.constantFrom(1, 1, 1, 2),
    }),
  })
);

/** What {@linkcode markUnchanged} must say of an entry, in the words of the plan. */
function isUnchanged(wanted: Metadata, found: EntryLookup, stepNs: number): boolean {
  const areFiles = wanted.kind === EntryKind.file && found.kind === EntryKind.file;
  return areFiles && wanted.size === found.size && sameTime(wanted.mtime, found.mtime, stepNs) &&
    wanted.mode === found.mode && found.links === 1 && wanted.size <= extentBytes && !mayBeUnfinished(found);
}

Deno.test("markUnchanged() marks exactly the files that nothing is to be asked or done about", async () => {
  await inFolder((folder) => {
    const tree = new TargetTree(folder.root, folder.engine.identityOf(folder.root).device);
    let marked = 0;
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 20 }), fc.constantFrom(1, 1_000_000), (pairs, stepNs) => {
        const batch = arrivedBatch(
          0,
          [[0, pairs.map(({ wanted }, i) => ({ name: `${i}`, ...wanted, size: sizeOf(wanted) }))]],
        );
        const found = new FoundEntries();
        found.reset(pairs.length);
        const lookups = pairs.map(({ found: { isThere, other, special, links } }, row) => {
          const rest = { special, links, owner: 0, device: 1, inode: 2n, ctimeNs: 3n };
          const lookup = { ...other, size: sizeOf(other), ...rest };
          if (isThere) found.put(row, lookup);
          return isThere ? lookup : undefined;
        });
        const expected = lookups.map((lookup, i) =>
          lookup !== undefined && isUnchanged(batch.metadata(i), lookup, stepNs)
        );
        const count = markUnchanged(
          batch,
          { directory: tree.root, start: 0, end: pairs.length },
          found,
          stepNs,
        );
        assertEquals(pairs.map((_, i) => batch.states[i] === EntryState.skipped), expected);
        assertEquals(count, expected.filter(Boolean).length);
        marked += count;
      }),
    );
    assertEquals(marked > 0, true);
  });
});

function sizeOf({ kind, size }: Metadata): number {
  return kind === EntryKind.file ? size : 0;
}

Deno.test("markUnchanged() leaves a directory that takes several names for one, and times of whole seconds, to the plan", async () => {
  await inFolder((folder) => {
    const tree = new TargetTree(folder.root, folder.engine.identityOf(folder.root).device);
    const wanted = { kind: EntryKind.file, mode: 0o644, size: 1, mtime: { seconds: 100, nanos: 0 } };
    const group = { directory: tree.root, start: 1, end: 2 };
    const mark = (stepNs: number) => {
      const batch = arrivedBatch(0, [[0, [{ name: "a", ...wanted }, { name: "b", ...wanted }]]]);
      const found = new FoundEntries();
      found.reset(1);
      const rest = { special: 0, links: 1, owner: 0, device: 1, inode: 2n, ctimeNs: 3n };
      found.put(0, { ...wanted, ...rest });
      const count = markUnchanged(batch, group, found, stepNs);
      return [count, batch.states[0], batch.states[1]];
    };
    assertEquals(mark(1), [1, EntryState.announced, EntryState.skipped]);
    assertEquals(mark(1e9), [0, EntryState.announced, EntryState.announced]);
    folder.write("x");
    tree.root.folded = new FoldedNames(folder.engine, folder.root);
    assertEquals(mark(1), [0, EntryState.announced, EntryState.announced]);
  });
});
