import { assertEquals } from "@std/assert";
import { parseEntryName } from "../../entry/name.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { type JournalRecord, parseJournal, RunJournal } from "./run_journal.ts";
import { recoverDirectories } from "./recovery.ts";
import { type TargetDirectory, TargetTree } from "./tree.ts";

const mtime = { seconds: 1_600_000_000, nanos: 5 };
const name = (text: string) => parseEntryName(bytesOf(text));

interface Place {
  folder: EngineFolder;
  journal: RunJournal;
  directory: (parent: TargetDirectory, text: string, mode: number) => TargetDirectory;
  root: TargetDirectory;
  /** The records that a kill at this moment would leave. */
  left: () => string[] | undefined;
}

async function withJournal(body: (place: Place) => void): Promise<void> {
  await inFolder((folder) => {
    const { engine, root, path } = folder;
    const tree = new TargetTree(root, engine.identityOf(root).device);
    body({
      folder,
      root: tree.root,
      journal: new RunJournal(engine, root),
      directory: (parent, text, mode) => tree.announce({ parent, name: name(text), mode, mtime }),
      left() {
        const file = folder.names().find((one) => one.startsWith(".rcopy-run-"));
        return file === undefined
          ? undefined
          : parseJournal(Deno.readFileSync(`${path}/${file}`))?.map(shown);
      },
    });
  });
}

function shown({ kind, path, mode }: JournalRecord): string {
  return `${kind} ${path.map(textOf).join("/")} ${mode.toString(8)}`;
}

Deno.test("RunJournal has what is not finished, and nothing when all is", async () => {
  await withJournal(({ journal, directory, root, left, folder }) => {
    assertEquals(folder.names(), [], "it is made when it is needed");
    const a = directory(root, "a", 0o555);
    const b = directory(a, "b\n/".slice(0, 2), 0o500);
    const c = directory(root, "c", 0o700);
    journal.made(a);
    journal.made(b);
    journal.lent(c, 0o1555);
    assertEquals(left(), ["made a 555", "made a/b\n 500", "lent c 1555"]);
    journal.finished(b);
    assertEquals(left(), ["made a 555", "lent c 1555"]);
    journal.finished(a);
    journal.finished(c);
    assertEquals(left(), []);
    journal.made(b);
    assertEquals(left(), ["made a/b\n 500"], "records are numbered anew");
    journal.finished(b);
    journal.close();
    assertEquals(folder.names(), []);
  });
});

Deno.test("RunJournal keeps what is not finished at an end in disorder", async () => {
  await withJournal(({ journal, directory, root, left }) => {
    journal.made(directory(root, "a", 0o555));
    journal.close();
    assertEquals(left(), ["made a 555"]);
  });
});

Deno.test("RunJournal leaves alone what has its name, and takes the next", async () => {
  await withJournal(({ journal, directory, root, folder }) => {
    folder.write(".rcopy-run-0", "mine");
    Deno.symlinkSync("/etc/passwd", `${folder.path}/.rcopy-run-1`);
    Deno.mkdirSync(`${folder.path}/.rcopy-run-2`);
    const a = directory(root, "a", 0o555);
    journal.made(a);
    assertEquals(folder.names(), [".rcopy-run-0", ".rcopy-run-1", ".rcopy-run-2", ".rcopy-run-3"]);
    journal.finished(a);
    journal.close();
    assertEquals(Deno.readTextFileSync(`${folder.path}/.rcopy-run-0`), "mine");
  });
});

Deno.test("RunJournal makes way for entries that have its names, and is in memory alone where they have all", async () => {
  await withJournal(({ journal, directory, root, left, folder }) => {
    const makeWay = (i: number) => journal.makeWay(name(`.rcopy-run-${i}`));
    makeWay(0);
    const a = directory(root, "a", 0o555);
    journal.made(a);
    assertEquals(folder.names(), [".rcopy-run-1"]);
    makeWay(1);
    journal.makeWay(name(".rcopy-run-10"));
    assertEquals([folder.names(), left()], [[".rcopy-run-2"], ["made a 555"]]);
    for (let i = 2; i < 8; i++) makeWay(i);
    assertEquals(folder.names(), []);
    journal.made(directory(root, "b", 0o555));
    journal.finished(a);
    journal.close();
    assertEquals(folder.names(), []);
  });
});

const header = "rcopy run journal 1\n";
const damaged: [what: string, text: string, records: string[] | undefined][] = [
  ["nothing", "", undefined],
  ["another file", "#!/bin/sh\n", undefined],
  ["half a header", header.slice(0, 10), undefined],
  ["no record", header, []],
  ["half a record", `${header}made 755 1 2 61\nmade 755 1 2 6`, ["made a 755"]],
  ["a record that is none", `${header}made 755 1 2 61\nmode 755\nmade 755 1 2 62\n`, ["made a 755"]],
  ["a mode of five digits", `${header}made 77755 1 2 61\n`, []],
  [
    "a record that is done twice, and one that is not there",
    `${header}made 755 1 2 61\ndone 0\ndone 0\ndone 7\n`,
    [],
  ],
  ["the destination itself", `${header}lent 555 0 0 \n`, ["lent  555"]],
];
for (const [what, text, records] of damaged) {
  Deno.test(`parseJournal() takes what is sound of a journal with ${what}`, () => {
    assertEquals(parseJournal(bytesOf(text))?.map(shown), records);
  });
}

function plant({ write, path }: EngineFolder, records: string): void {
  write(".rcopy-run-0", header + records);
  Deno.chmodSync(`${path}/.rcopy-run-0`, 0o600);
}

const hex = (text: string) => bytesOf(text).toHex();
const modeOf = ({ path }: EngineFolder, entry: string) => Deno.statSync(`${path}/${entry}`).mode! & 0o7777;
function makeDirectory({ path }: EngineFolder, entry: string, mode: number): void {
  Deno.mkdirSync(`${path}/${entry}`, { recursive: true });
  Deno.chmodSync(`${path}/${entry}`, mode);
}

Deno.test("recoverDirectories() gives directories of a run that died their modes, the deepest first, and removes its journal", async () => {
  await inFolder((folder) => {
    makeDirectory(folder, "made/below", 0o755);
    makeDirectory(folder, "made", 0o755);
    makeDirectory(folder, "lent", 0o2755);
    plant(
      folder,
      `made 555 1600000000 0 ${hex("made")}\nmade 500 1600000000 0 ${hex("made")}/${hex("below")}\n` +
        `lent 2555 0 0 ${hex("lent")}\n`,
    );
    // What the run was doing below has a mode that it did not give.
    Deno.chmodSync(`${folder.path}/made/below`, 0o700);
    recoverDirectories(folder.engine, folder.root);
    assertEquals(["made", "made/below", "lent"].map((entry) => modeOf(folder, entry)), [
      0o555,
      0o500,
      0o2555,
    ]);
    assertEquals(Deno.statSync(`${folder.path}/made`).mtime!.getTime(), 1_600_000_000_000);
    assertEquals(folder.names(), ["lent", "made"]);
  });
});

Deno.test("recoverDirectories() changes no directory that is not as the run left it", async () => {
  await inFolder((folder) => {
    makeDirectory(folder, "widened", 0o777);
    makeDirectory(folder, "narrowed", 0o500);
    makeDirectory(folder, "other", 0o711);
    Deno.symlinkSync("other", `${folder.path}/link`);
    folder.write("file", "x");
    plant(
      folder,
      ["widened", "narrowed", "link", "file", "gone"].map((entry) => `made 555 0 0 ${hex(entry)}\n`).join(
        "",
      ) +
        `lent 444 0 0 ${hex("other")}\nmade 555 0 0 ${hex("..")}\nmade 555 0 0 ${hex("a/b")}\n`,
    );
    const before = Deno.statSync(`${folder.path}/..`).mode;
    recoverDirectories(folder.engine, folder.root);
    const modes = ["widened", "narrowed", "other"].map((entry) => modeOf(folder, entry));
    assertEquals([modes, Deno.statSync(`${folder.path}/..`).mode], [[0o777, 0o500, 0o711], before]);
  });
});

Deno.test("recoverDirectories() leaves alone journals of others, of runs that are alive, and what is none", async () => {
  await inFolder((folder) => {
    makeDirectory(folder, "a", 0o755);
    const record = `made 555 0 0 ${hex("a")}\n`;
    folder.write(".rcopy-run-0", header + record);
    Deno.chmodSync(`${folder.path}/.rcopy-run-0`, 0o644);
    folder.write(".rcopy-run-1", "mine");
    Deno.chmodSync(`${folder.path}/.rcopy-run-1`, 0o600);
    Deno.mkdirSync(`${folder.path}/.rcopy-run-2`);
    new Deno.Command("mkfifo", { args: [`${folder.path}/.rcopy-run-3`] }).outputSync();
    using alive = folder.engine.createOwn(folder.root, name(".rcopy-run-4"));
    alive.write(0, bytesOf(header + record));
    const before = folder.names();
    recoverDirectories(folder.engine, folder.root);
    assertEquals([folder.names(), modeOf(folder, "a")], [before, 0o755]);
  });
});
