/** What the io_uring engine promises beyond the contract: umasks, ACLs, odd kinds, lanes. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { whyNot as whyNotHere } from "../../../tests/helpers/test_folder.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { ownName } from "../../entry/name.ts";
import type { Directory, Engine, FileRead, FileWrite } from "../contract/engine.ts";
import { openUringEngine } from "./engine.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";
import type { UringTarget } from "./target.ts";

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

/** Creates files of one byte each; the errors beside them. */
async function create(
  engine: Engine,
  directory: Directory,
  modes: number[],
): Promise<(string | undefined)[]> {
  const files: FileWrite[] = modes.map((mode, index) => ({
    directory,
    name: ownName(`f${index}`),
    atOnce: index % 2 === 0,
    mode,
    mtime,
    offset: index,
    size: 1,
  }));
  await engine.createFiles(files, new Uint8Array(modes.length)).finish();
  return files.map((file) => file.error?.message);
}

const everyKindOfMode = [0o644, 0o644, 0o600, 0o644, 0o777, 0o777, 0o000, 0o222, 0o666, 0o444, 0o111, 0o755];

async function assertModes(engine: Engine, directory: Directory, path: string): Promise<void> {
  assertEquals(await create(engine, directory, everyKindOfMode), everyKindOfMode.map(() => undefined));
  const found = everyKindOfMode.map((_, index) => Deno.lstatSync(`${path}/f${index}`).mode! & 0o7777);
  assertEquals(found, everyKindOfMode);
}

for (const umask of [0o000, 0o022, 0o077, 0o277, 0o777]) {
  uringTest(`modes are exact under the umask ${umask.toString(8)}`, async (engine, root, folder) => {
    const before = Deno.umask(umask);
    try {
      const directory = engine.makeDirectory(root, ownName("d"), 0o700);
      assertEquals(Deno.statSync(`${folder}/d`).mode! & 0o7777, 0o700);
      await assertModes(engine, directory, `${folder}/d`);
      const target = engine.createTarget(directory, ownName("large"), { size: 3, mode: 0o640 });
      await engine.writeRange(target, 0, new Uint8Array(3)).finish();
      engine.finishTarget(target, { mode: 0o640, mtime });
      assertEquals(Deno.statSync(`${folder}/d/large`).mode! & 0o7777, 0o640);
    } finally {
      Deno.umask(before);
    }
  });
}

uringTest("another thread learns whether the disk is waited for", (engine, root) => {
  for (const isDurable of [true, false]) {
    const target = engine.createTarget(root, ownName(`${isDurable}`), { size: 3, mode: 0o600, isDurable });
    const borrowed = engine.borrowTarget(structuredClone(engine.lendTarget(target)));
    assertEquals((borrowed as UringTarget).isDurable, isDurable);
    engine.abandonTarget(target);
  }
});

uringTest(
  "below a default ACL modes are what is wanted and what the ACL gives",
  async (engine, root, folder) => {
    Deno.mkdirSync(`${folder}/d`);
    // Default: user rw-, group r--, other ---; as linux/posix_acl_xattr.h lays it out.
    const script = [
      "import os, struct, sys",
      "acl = struct.pack('<I', 2)",
      "for tag, perm in ((1, 6), (4, 4), (32, 0)): acl += struct.pack('<HHI', tag, perm, 0xffffffff)",
      "os.setxattr(sys.argv[1], 'system.posix_acl_default', acl)",
    ].join("\n");
    await run("python3", "-c", script, `${folder}/d`);
    const modeOf = (path: string) => Deno.lstatSync(`${folder}/d/${path}`).mode! & 0o7777;
    const directory = engine.openDirectory(root, ownName("d"));
    const below = engine.makeDirectory(directory, ownName("below"), 0o775);
    for (const [place, path] of [[directory, ""], [below, "below/"]] as const) {
      assertEquals(await create(engine, place, everyKindOfMode), everyKindOfMode.map(() => undefined));
      const found = everyKindOfMode.map((_, index) => modeOf(`${path}f${index}`));
      assertEquals(found, everyKindOfMode.map((mode) => mode & 0o640));
      const target = engine.createTarget(place, ownName("large"), { size: 0, mode: 0o666 });
      engine.finishTarget(target, { mode: 0o666, mtime });
      assertEquals(modeOf(`${path}large`), 0o640);
    }
    assertEquals(modeOf("below"), 0o740, "the owner may work in it until it is complete");
    engine.setDirectoryMetadata(below, { mode: 0o775, mtime }, { mayLoosen: true });
    assertEquals(modeOf("below") & 0o077, 0o040);
  },
  { programs: ["python3"] },
);

uringTest(
  "what is no file is neither opened as a journal nor given a file's mode, and not opened",
  async (engine, root, folder) => {
    await run("mkfifo", `${folder}/fifo`);
    Deno.symlinkSync("victim", `${folder}/link`);
    Deno.writeTextFileSync(`${folder}/victim`, "victim", { mode: 0o600 });
    Deno.mkdirSync(`${folder}/directory`, { mode: 0o700 });
    for (const name of ["fifo", "link", "directory"]) {
      assertEquals(codeOf(() => engine.setFileMode(root, ownName(name), 0o777)), "type-conflict", name);
      assertEquals(codeOf(() => engine.openOwn(root, ownName(name))), "type-conflict", name);
    }
    assertEquals(Deno.statSync(`${folder}/victim`).mode! & 0o777, 0o600);
    assertEquals(Deno.statSync(`${folder}/directory`).mode! & 0o777, 0o700);
    engine.setFileMode(root, ownName("victim"), 0o000);
    engine.setFileMode(root, ownName("victim"), 0o640);
    assertEquals(Deno.statSync(`${folder}/victim`).mode! & 0o777, 0o640);
  },
);

uringTest("the text of a link is kept to the last byte that Linux takes, and no further", (engine, root) => {
  for (const length of [1, 255, 4095]) {
    const text = new Uint8Array(length).fill(0xe9);
    engine.createLink(root, ownName(`l${length}`), text, mtime);
    assertEquals(engine.readLink(root, ownName(`l${length}`)), text);
  }
  assertEquals(
    codeOf(() => engine.createLink(root, ownName("long"), new Uint8Array(4096).fill(65), mtime)),
    "io",
  );
  assertEquals(codeOf(() => engine.createLink(root, ownName("nul"), Uint8Array.of(65, 0, 66), mtime)), "io");
  assertEquals(engine.lookup(root, [ownName("long"), ownName("nul")]), [undefined, undefined]);
  engine.createTarget(root, ownName("file"), { size: 0, mode: 0o600 });
  assertEquals(codeOf(() => engine.readLink(root, ownName("file"))), "type-conflict");
});

uringTest("a batch with an unsayable name fails that name alone", async (engine, root, folder) => {
  const files = [ownName("a"), ownName("a".repeat(256)), ownName("b")].map(
    (name): FileWrite => ({ directory: root, name, atOnce: false, mode: 0o644, mtime, offset: 0, size: 0 }),
  );
  await engine.createFiles(files, new Uint8Array(0)).finish();
  assertEquals(files.map((file) => file.error?.errno), [undefined, "ENAMETOOLONG", undefined]);
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a", "b"]);
});

async function forget(path: string): Promise<void> {
  await run("dd", `if=${path}`, "iflag=nocache", "count=0", "status=none");
}

uringTest(
  "lanes that read side by side each get their own bytes and their own failures",
  async (engine, root, folder) => {
    const size = 5000;
    const count = 400;
    const directories = Array.from(
      { length: 100 },
      (_, index) => engine.makeDirectory(root, ownName(`d${index}`), 0o700),
    );
    const content = (index: number) => new Uint8Array(size).fill(index % 251 + 1);
    const paths: string[] = [];
    for (let index = 0; index < count; index++) {
      paths.push(`${folder}/d${index % 100}/f${index}`);
      Deno.writeFileSync(paths[index]!, content(index));
    }
    await run("sync", "--file-system", folder);
    const reads = paths.map((_, index): FileRead => ({
      directory: directories[index % 100]!,
      name: ownName(`f${index}`),
      expected: identityOf(engine, directories[index % 100]!, `f${index}`),
      offset: (index >> 2) * size,
    }));
    Deno.writeFileSync(`${folder}/large`, new Uint8Array(1_000_000).fill(7));
    const source = engine.openSource(root, ownName("large"), identityOf(engine, root, "large"));
    await Promise.all([...paths, `${folder}/large`].map(forget));
    for (const index of [17, 18, 19, 20]) Deno.writeTextFileSync(paths[index]!, "changed");

    const lanes = [0, 1, 2, 3].map((lane) => ({
      files: reads.filter((_, index) => index % 4 === lane),
      memory: new Uint8Array(size * count / 4),
    }));
    const pending = lanes.map(({ files, memory }) => engine.readFiles(files, memory));
    const whole = new Uint8Array(1_000_000);
    const beyond = engine.readRange(source, 900_000, new Uint8Array(200_000));
    const range = engine.readRange(source, 0, whole);
    await Promise.all([...pending.map((lane) => lane.finish()), range.finish()]);
    const failure = await Promise.resolve().then(() => beyond.finish()).then(() => undefined, asRcopyError);
    engine.closeSource(source);

    assertEquals(failure?.code, "changed");
    assert(whole.every((byte) => byte === 7));
    for (const [index, { error, offset }] of reads.entries()) {
      assertEquals(error?.code, index >= 17 && index <= 20 ? "changed" : undefined, `file ${index}`);
      if (error) continue;
      assertEquals(lanes[index % 4]!.memory.subarray(offset, offset + size), content(index));
    }
  },
);

function identityOf(engine: Engine, directory: Directory, name: string) {
  const columns = new EntryColumns();
  using listing = engine.list(directory);
  while (listing.next(columns, 1000));
  for (let index = 0; index < columns.count; index++) {
    if (new TextDecoder().decode(columns.name(index)) === name) return columns.identity(index);
  }
  throw new Error(`${name} is not listed`);
}

uringTest(
  "an engine that is opened and used a hundred times leaves no descriptor behind",
  async (_, __, folder) => {
    const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = count();
    for (let round = 0; round < 100; round++) {
      using engine = openUringEngine();
      const root = engine.openRoot(folder); // and never closed
      const directory = engine.makeDirectory(root, ownName(`d${round}`), 0o700);
      engine.list(directory);
      assertEquals(await create(engine, directory, [0o644]), [undefined]);
    }
    assertEquals(count(), before);
  },
);

uringTest("a full file system leaves nothing of the file that did not fit", async (engine, root, folder) => {
  Deno.mkdirSync(`${folder}/small`);
  await run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", `${folder}/small`);
  const small = engine.openDirectory(root, ownName("small"));
  try {
    const memory = new Uint8Array(3_000_000);
    const files = [600_000, 600_000, 1000].map((size, index): FileWrite => ({
      directory: small,
      name: ownName(`f${index}`),
      atOnce: index % 2 === 0,
      mode: 0o644,
      mtime,
      offset: 0,
      size,
    }));
    await engine.createFiles(files, memory).finish();
    assertEquals(files.map((file) => file.error?.code), [undefined, "no-space", undefined]);
    const target = engine.createTarget(small, ownName("large"), { size: 2_000_000, mode: 0o644 });
    const write = async () => await engine.writeRange(target, 0, memory.subarray(0, 2_000_000)).finish();
    assertEquals((await assertRejects(write, RcopyError)).code, "no-space");
    engine.abandonTarget(target);
    engine.unlink(small, ownName("large"));
    assertEquals([...Deno.readDirSync(`${folder}/small`)].map(({ name }) => name).sort(), ["f0", "f2"]);
    const { bytes, inodes } = engine.freeSpace(small);
    assert(bytes !== undefined && bytes < 500_000 && inodes !== undefined && inodes > 0);
  } finally {
    engine.closeDirectory(small);
    await run("umount", `${folder}/small`);
  }
}, { mount: true });

uringTest("the engine names itself, and keeps names and times exactly", (engine) => {
  assertEquals([engine.kind, engine.exactNames, engine.mtimeResolutionNs], ["uring", true, 1]);
});
