/** How the io_uring engine places files: what it replaces, what it leaves alone, what a kill leaves. */
import { assertEquals, assertThrows } from "@std/assert";
import { whyNot as whyNotHere } from "../../../tests/helpers/test_folder.ts";
import { RcopyError } from "../../base/errors.ts";
import { ownName } from "../../entry/name.ts";
import { temporaryName } from "../../entry/temporary_name.ts";
import type { Directory, Engine, EntryLookup, FileWrite } from "../contract/engine.ts";
import { isUnfinished } from "../contract/unfinished.ts";
import { openUringEngine } from "./engine.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";

const noUring = whyNoUringEngine();
const mtime = { seconds: 1_234_567_890, nanos: 123_456_789 };

type Body = (engine: Engine, root: Directory, folder: string) => Promise<void> | void;

function uringTest(name: string, body: Body, needs: Parameters<typeof whyNotHere>[0] = {}): void {
  const why = noUring === undefined ? whyNotHere(needs) : `no io_uring: ${noUring}`;
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "rcopy-uring-" });
      try {
        using engine = openUringEngine();
        const root = engine.openRoot(folder);
        await body(engine, root, folder);
      } finally {
        await run("chmod", "-R", "u+rwx", folder);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, RcopyError).code;
}

const bytes = (text: string) => new TextEncoder().encode(text);

function small(directory: Directory, name: string): FileWrite {
  return { directory, name: ownName(name), atOnce: false, mode: 0o644, mtime, offset: 0, size: 3 };
}

const found = (engine: Engine, root: Directory, name: string) =>
  engine.lookup(root, [ownName(name)])[0] as EntryLookup;

uringTest("place() replaces what was looked at, and nothing else", (engine, root, folder) => {
  const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
  const plant = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text);
  plant("old", "old");
  Deno.mkdirSync(`${folder}/directory`);
  plant("new", "new");
  const place = (name: string, replaces?: EntryLookup) =>
    engine.place(root, ownName("new"), ownName(name), replaces);
  assertEquals(codeOf(() => place("old")), "exists");
  assertEquals(codeOf(() => place("directory")), "exists");
  assertEquals(codeOf(() => place("directory", found(engine, root, "directory"))), "type-conflict");
  const before = found(engine, root, "old");
  plant("old", "changed");
  assertEquals(codeOf(() => place("old", before)), "exists");
  assertEquals([read("old"), read("new")], ["changed", "new"]);
  place("old", found(engine, root, "old"));
  assertEquals([read("old"), found(engine, root, "new")], ["new", undefined]);
  plant("new", "again");
  const gone = found(engine, root, "old");
  Deno.removeSync(`${folder}/old`);
  place("old", gone);
  assertEquals(read("old"), "again");
  assertEquals(codeOf(() => place("elsewhere")), "not-found");
});

uringTest(
  "a small file replaces only what was looked at, and leaves no temporary file",
  async (engine, root, folder) => {
    for (const isChanged of [false, true]) {
      Deno.writeTextFileSync(`${folder}/f0`, "old");
      const replaces = found(engine, root, "f0");
      if (isChanged) Deno.writeTextFileSync(`${folder}/f0`, "changed");
      const file: FileWrite = { ...small(root, "f0"), replaces };
      await engine.createFiles([file], bytes("new")).finish();
      assertEquals(file.error?.code, isChanged ? "exists" : undefined);
      assertEquals(Deno.readTextFileSync(`${folder}/f0`), isChanged ? "changed" : "new");
      assertEquals([...Deno.readDirSync(folder)].length, 1);
    }
  },
);

for (const atOnce of [true, false]) {
  uringTest(
    `a small file replaces nothing unasked, made ${atOnce ? "at once" : "by a part"}`,
    async (engine, root, folder) => {
      for (
        const plant of [
          (path: string) => Deno.writeTextFileSync(path, "theirs"),
          (path: string) => Deno.symlinkSync("/etc/passwd", path),
          (path: string) => Deno.mkdirSync(path),
        ]
      ) {
        plant(`${folder}/f0`);
        const before = Deno.lstatSync(`${folder}/f0`).ino;
        const file: FileWrite = { ...small(root, "f0"), atOnce };
        await engine.createFiles([file], bytes("new")).finish();
        assertEquals([file.error?.code, Deno.lstatSync(`${folder}/f0`).ino], ["exists", before]);
        assertEquals([...Deno.readDirSync(folder)].length, 1);
        Deno.removeSync(`${folder}/f0`);
      }
    },
  );
}

const leftovers: [what: string, isRemoved: boolean, plant: (path: string) => Promise<void> | void][] = [
  ["an unfinished file", true, (path) => unfinished(path)],
  ["a whole file that was not placed any more", true, (path) => {
    Deno.writeTextFileSync(path, "abc");
    Deno.utimeSync(path, mtime.seconds, mtime.seconds);
  }],
  ["a file of somebody", false, (path) => Deno.writeTextFileSync(path, "mine")],
  ["a FIFO", false, (path) => run("mkfifo", path)],
  ["a link to an unfinished file", false, (path) => {
    unfinished(`${path}-target`);
    Deno.symlinkSync(`${path}-target`, path);
  }],
  ["an unfinished file with another name", false, (path) => {
    unfinished(path);
    Deno.linkSync(path, `${path}-other`);
  }],
];
function unfinished(path: string): void {
  Deno.writeTextFileSync(path, "half");
  Deno.chmodSync(path, 0o1600);
}
for (const [what, isRemoved, plant] of leftovers) {
  const title = `${what} under a temporary name is ${isRemoved ? "replaced" : "left alone"}`;
  uringTest(title, async (engine, root, folder) => {
    const temporary = temporaryName(ownName("f0"));
    const path = `${folder}/${new TextDecoder().decode(temporary)}`;
    await plant(path);
    const file: FileWrite = { ...small(root, "f0"), mtime: { seconds: mtime.seconds, nanos: 0 } };
    await engine.createFiles([file], bytes("new")).finish();
    assertEquals([file.error, Deno.readTextFileSync(`${folder}/f0`)], [undefined, "new"]);
    assertEquals(found(engine, root, new TextDecoder().decode(temporary)) === undefined, isRemoved);
  });
}

uringTest("a part that a run still writes is not removed, and is when its run has ended", (engine, root) => {
  const temporary = temporaryName(ownName("large"));
  const whole = { name: ownName("large"), size: 10, mtime };
  const target = engine.createTarget(root, temporary, { size: 10, mode: 0o644 });
  assertEquals(engine.removeUnfinished(root, temporary, whole), false);
  assertEquals(codeOf(() => engine.createTarget(root, temporary, { size: 10, mode: 0o644 })), "exists");
  engine.abandonTarget(target);
  assertEquals(engine.removeUnfinished(root, temporary, whole), true);
  assertEquals(engine.removeUnfinished(root, temporary, whole), false);
});

uringTest("a file has the mode of an unfinished one until it is finished", async (engine, root, folder) => {
  const target = engine.createTarget(root, ownName("part"), { size: 10, mode: 0o644 });
  assertEquals(Deno.statSync(`${folder}/part`).mode! & 0o7777, 0o1600);
  assertEquals(isUnfinished(found(engine, root, "part"), { owner: engine.user, keepsModes: true }), true);
  await engine.writeRange(target, 0, new Uint8Array(10)).finish();
  assertEquals(engine.finishTarget(target, { mode: 0o644, mtime }), 0);
  assertEquals(isUnfinished(found(engine, root, "part"), { owner: engine.user, keepsModes: true }), false);
});

uringTest("room is reserved ahead of what is written, and the size stays", async (engine, root, folder) => {
  const size = 1024 * 1024 * 1024;
  const target = engine.createTarget(root, ownName("part"), { size, mode: 0o644 });
  await engine.writeRange(target, 0, new Uint8Array(4096)).finish();
  const { size: length, blocks } = Deno.statSync(`${folder}/part`);
  assertEquals([length, blocks! * 512 < size / 8], [4096, true]);
  engine.abandonTarget(target);
});

uringTest(
  "setDirectoryMetadata() keeps special bits, and sets no mode that is there",
  (engine, root, folder) => {
    Deno.mkdirSync(`${folder}/d`);
    Deno.chmodSync(`${folder}/d`, 0o7755);
    const directory = engine.openDirectory(root, ownName("d"));
    const set = (mode: number, mayLoosen: boolean) => {
      const lacks = engine.setDirectoryMetadata(directory, { mode, mtime }, { mayLoosen });
      return [lacks, Deno.statSync(`${folder}/d`).mode! & 0o7777];
    };
    assertEquals(set(0o711, true), [0, 0o7711]);
    assertEquals(set(0o755, false), [1, 0o7711]);
    assertEquals(set(0o700, false), [0, 0o7700]);
    engine.setDirectoryMode(directory, 0o1555);
    assertEquals(engine.lookAt(directory).special | engine.lookAt(directory).mode, 0o1555);
  },
);

uringTest("traitsOf() finds how files come out, and leaves none", (engine, root, folder) => {
  assertEquals(engine.traitsOf(root), { owner: Deno.uid(), keepsModes: true, timeStepNs: 1 });
  assertEquals([...Deno.readDirSync(folder)], []);
});

uringTest("createOwn() and openOwn() give a file to one at a time", (engine, root, folder) => {
  const name = ownName("journal");
  const own = engine.createOwn(root, name);
  own.write(0, bytes("one two"));
  own.setSize(3);
  assertEquals([own.isLocked, new TextDecoder().decode(own.read(10))], [true, "one"]);
  assertEquals(codeOf(() => engine.createOwn(root, name)), "exists");
  assertEquals(engine.openOwn(root, name), undefined);
  own[Symbol.dispose]();
  own[Symbol.dispose]();
  using again = engine.openOwn(root, name)!;
  assertEquals([again.found.size, again.found.special | again.found.mode], [3, 0o600]);
  assertEquals(Deno.statSync(`${folder}/journal`).mode! & 0o7777, 0o600);
});

uringTest(
  "what has several names is replaced although its ctime changed with another of them",
  (engine, root, folder) => {
    Deno.writeTextFileSync(`${folder}/one`, "old");
    Deno.linkSync(`${folder}/one`, `${folder}/two`);
    const [one, two] = ["one", "two"].map((name) => found(engine, root, name)) as [EntryLookup, EntryLookup];
    assertEquals([one.links, two.links], [2, 2]);
    for (const [name, replaces] of [["one", one], ["two", two]] as const) {
      Deno.writeTextFileSync(`${folder}/new`, "new");
      engine.place(root, ownName("new"), ownName(name), { ...replaces, ctimeNs: 0n });
    }
    assertEquals(Deno.readTextFileSync(`${folder}/two`), "new");
  },
);
