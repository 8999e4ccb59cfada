import { assert, assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { type BatchRoom, SendBatch } from "./batch.ts";
import { openSources } from "./roots.ts";
import { Scan } from "./scan.ts";

/** A scan as a receiver learns of it. */
interface Scanned {
  /** Paths of all entries by the numbers of the manifest, directories with a slash, links with their text. */
  paths: string[];
  batches: number;
  /** Directory numbers in the order in which they were closed. */
  closed: number[];
  /** Most directories that were announced and not closed, after any batch. */
  openMax: number;
  /** `<directory number>/<name>: <code>`. */
  skipped: string[];
}

/** Scans to the end, and rebuilds the tree from the messages as a receiver would. */
function scanned(
  engine: Engine,
  sources: string[],
  room: BatchRoom = { bytes: 60_000, entries: 2048 },
  isDestination: (inode: bigint) => boolean = () => false,
): Scanned {
  const result: Scanned = { paths: [], batches: 0, closed: [], openMax: 0, skipped: [] };
  const prefixes = [""];
  using scan = new Scan(engine, openSources(engine, sources), {
    onSkipped: ({ number }, name, error) => {
      assert(number < prefixes.length, "the receiver knows the directory");
      assert(!result.closed.includes(number), "the directory is still open");
      result.skipped.push(`${number}/${textOf(name)}: ${error.code}`);
    },
    isDestination: (_, inode) => isDestination(inode),
  });
  for (let more = true; more; result.batches++) {
    const batch = new SendBatch(result.batches, room);
    more = scan.fill(batch);
    assert(batch.count <= room.entries);
    let link = 0;
    for (const [at, { directory, start }] of batch.groups.entries()) {
      const end = batch.groups[at + 1]?.start ?? batch.count;
      for (let i = start; i < end; i++) {
        assert(!result.closed.includes(directory.number), "no entry names a directory that is closed");
        const path = prefixes[directory.number]! + textOf(batch.columns.name(i));
        const kind = batch.columns.kinds[i];
        if (kind === EntryKind.directory) prefixes.push(`${path}/`);
        const text = kind === EntryKind.link ? ` -> ${textOf(batch.linkTexts[link++]!)}` : "";
        result.paths.push(kind === EntryKind.directory ? `${path}/` : path + text);
      }
    }
    result.closed.push(...batch.closed);
    result.openMax = Math.max(result.openMax, prefixes.length - result.closed.length);
    batch.release();
  }
  assertEquals(
    result.closed.toSorted((a, b) => a - b),
    [...prefixes.keys()],
    "each directory is closed once",
  );
  return result;
}

function makeTree({ write, path }: EngineFolder): string[] {
  for (const name of ["a/1", "a/2", "a/b/3", "a/b/c/4", "d/5", "6"]) write(name);
  Deno.mkdirSync(`${path}/empty`);
  Deno.symlinkSync("nowhere", `${path}/d/link`);
  return [
    ...["6", "a/", "a/1", "a/2", "a/b/", "a/b/3", "a/b/c/", "a/b/c/4"],
    ...["d/", "d/5", "d/link -> nowhere", "empty/"],
  ];
}

Deno.test("Scan finds every file, directory and link, and closes each directory when it is complete", async () => {
  await inFolder((folder) => {
    const paths = makeTree(folder);
    const { engine, path, calls } = folder;
    const opened = (calls.openDirectory ?? 0) + (calls.openRoot ?? 0);
    const result = scanned(engine, [path]);
    assertEquals(result.paths.toSorted(), paths);
    assertEquals(result.skipped, []);
    const left = calls.openDirectory! + calls.openRoot! - opened - calls.closeDirectory!;
    assertEquals(left, 0, "whatever was opened is closed");
  });
});

Deno.test("Scan goes on where a full batch stopped it, whatever its room", async () => {
  await inFolder((folder) => {
    const paths = makeTree(folder);
    for (const room of [{ bytes: 60_000, entries: 1 }, { bytes: 620, entries: 2048 }]) {
      const result = scanned(folder.engine, [folder.path], room);
      assertEquals(result.paths.toSorted(), paths);
      assert(result.batches > 3, `${result.batches}`);
    }
  });
});

Deno.test("Scan lists a directory that is larger than what it stages at a time", async () => {
  await inFolder(({ engine, path, write }) => {
    for (let i = 0; i < 600; i++) write(`a/${i}`);
    const result = scanned(engine, [path], { bytes: 60_000, entries: 100 });
    assertEquals(
      result.paths.toSorted(),
      ["a/", ...Array.from({ length: 600 }, (_, i) => `a/${i}`)].toSorted(),
    );
  });
});

Deno.test("Scan numbers named PATHs in the directory 0 that belongs to them all", async () => {
  await inFolder((folder) => {
    makeTree(folder);
    const { engine, path } = folder;
    const result = scanned(engine, [`${path}/d`, `${path}/6`, `${path}/a/b`]);
    const paths = ["6", "b/", "b/3", "b/c/", "b/c/4", "d/", "d/5", "d/link -> nowhere"];
    assertEquals(result.paths.toSorted(), paths);
    assertEquals(result.closed.at(-1), 0);
  });
});

Deno.test("Scan leaves out what is no file, directory or link, and what rcopy has not finished, and tells of each", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    write("a/.rcopy-1234/file");
    write("a/.rcopy-run-0", "rcopy run journal 1\nmade 755 0 0 61\n");
    write("a/.rcopy-run-1", "rcopy run journal"); // a name is not enough
    write("a/.rcopy-abc.journal", "rcopy part journal 1 and what follows");
    write("a/.rcopy-abc.part", "no name of a part, and a file like any other");
    const [name, other, third] = ["a", "b", "c"].map((letter) => `.rcopy-${letter.repeat(26)}`);
    write(`a/${name}.part`, "half of a file");
    write(`a/${name}.journal`, "rcopy part journal 1 and what follows");
    write(`a/${other}.part`, "mine: no journal stands beside it");
    write(`a/${third}.part`, "a small file");
    write(`a/${third}.base`, "an older version");
    write("a/unfinished", "hal");
    for (const marked of [`${third}.part`, `${third}.base`, "unfinished"]) {
      Deno.chmodSync(`${path}/a/${marked}`, 0o1600);
    }
    write("a/.rcopy-mine.journal", "mine, and longer than the first bytes of a journal");
    write("a/.rcopy-run-notes", "mine, and longer than the first line of a journal");
    new Deno.Command("mkfifo", { args: [`${path}/a/fifo`] }).outputSync();
    for (const entries of [1, 2048]) {
      const { paths, skipped } = scanned(engine, [path], { bytes: 60_000, entries });
      const kept = [
        "a/",
        "a/.rcopy-1234/",
        "a/.rcopy-1234/file",
        "a/.rcopy-abc.part",
        `a/${other}.part`,
        "a/.rcopy-mine.journal",
        "a/.rcopy-run-1",
        "a/.rcopy-run-notes",
        "a/file",
      ];
      assertEquals(paths.toSorted(), kept.toSorted());
      const own = [`${name}.journal`, `${name}.part`, `${third}.base`, `${third}.part`];
      assertEquals(
        skipped.toSorted(),
        [
          ...own.map((each) => `1/${each}: not-sent`),
          "1/.rcopy-abc.journal: not-sent",
          "1/.rcopy-run-0: not-sent",
          "1/fifo: unsupported-kind",
          "1/unfinished: io",
        ].toSorted(),
      );
    }
  });
});

Deno.test("Scan leaves out the receiver's own destination", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/b/file");
    const { ino } = Deno.statSync(`${path}/a/b`);
    const { paths, skipped } = scanned(engine, [path], undefined, (inode) => inode === BigInt(ino!));
    assertEquals([paths, skipped], [["a/"], ["1/b: not-sent"]]);
  });
});

const refused = new RcopyError("not-permitted", "says the test");

Deno.test("Scan tells of a directory that cannot be entered, and closes it without content", async () => {
  const faults = [{ method: "openDirectory", call: 1, error: refused }] as const;
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    const { paths, skipped } = scanned(engine, [path]);
    assertEquals([paths, skipped], [["a/"], ["0/a: not-permitted"]]);
  }, faults);
});

Deno.test("Scan tells of a directory that cannot be listed, and of a link that cannot be read", async () => {
  const faults = [
    { method: "list", call: 2, error: refused },
    { method: "readLink", call: 1, error: refused },
  ] as const;
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    Deno.symlinkSync("to", `${path}/link`);
    const { paths, skipped } = scanned(engine, [path]);
    assertEquals([paths, skipped.toSorted()], [["a/"], ["0/a: not-permitted", "0/link: not-permitted"]]);
  }, faults);
});

Deno.test("Scan fails as source-missing when the PATH itself cannot be listed", async () => {
  await inFolder(({ engine, path }) => {
    const error = assertThrows(() => scanned(engine, [path]), RcopyError);
    assertEquals((error as RcopyError).code, "source-missing");
  }, [{ method: "list", call: 1, error: refused }]);
});

Deno.test("Scan lets go of all directories when it is given up half-way", async () => {
  await inFolder((folder) => {
    makeTree(folder);
    const { engine, path, calls } = folder;
    const before = [calls.openDirectory ?? 0, calls.openRoot!, calls.closeDirectory ?? 0];
    const scan = new Scan(engine, openSources(engine, [path]), {
      onSkipped: () => {},
      isDestination: () => false,
    });
    const batch = new SendBatch(0, { bytes: 60_000, entries: 5 });
    assertEquals(scan.fill(batch), true);
    scan[Symbol.dispose]();
    batch.release();
    const after = [calls.openDirectory ?? 0, calls.openRoot!, calls.closeDirectory ?? 0];
    const [directories, roots, closed] = after.map((count, i) => count - before[i]!) as [
      number,
      number,
      number,
    ];
    assertEquals(directories + roots - closed, 0);
  });
});

Deno.test("Scan copies names out of what it lists, so that a later chunk does not change them", async () => {
  await inFolder(({ engine, path, write }) => {
    for (let i = 0; i < 300; i++) write(`${`${i}`.padStart(3, "0")}/file`);
    const { paths } = scanned(engine, [path], { bytes: 60_000, entries: 7 });
    assertEquals(new Set(paths).size, 600);
    assert(paths.every((name) => /^\d{3}\/(file)?$/.test(name)), bytesOf(paths.join()).length.toString());
  });
});

Deno.test("Scan announces a bounded number of directories before it enters them, however wide its levels are", async () => {
  await inFolder(({ engine, path }) => {
    const wide = 4200;
    // The directory that is entered first of each level is as wide as the level.
    let within = path;
    for (let level = 0; level < 3; level++) {
      for (let i = 0; i < wide; i++) Deno.mkdirSync(`${within}/d${i}`);
      within = `${within}/${[...Deno.readDirSync(within)][0]!.name}`;
    }
    const { paths, openMax } = scanned(engine, [path]);
    assertEquals(paths.length, 3 * wide);
    assert(openMax < 2 * 4096 + 2048, `${openMax} at a time`);
  });
});
