/** Somebody who swaps directories for links while the engine works: nothing outside is touched. */
import { assert, assertEquals } from "@std/assert";
import { whyNot } from "../../../tests/helpers/test_folder.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { ownName } from "../../entry/name.ts";
import { EntryKind, type FileIdentity } from "../../entry/metadata.ts";
import type { Directory, Engine } from "../contract/engine.ts";
import { openUringEngine } from "./engine.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";

/** Exchanges `d` with `link`, and `tree/inner` with `tree/link`, as fast as it can, until its input ends. */
const swapper = `
import ctypes, os, select, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
swaps = 0
def swap(a, b):
  return libc.renameat2(-100, a, -100, b, 2) == 0  # RENAME_EXCHANGE
print("ready", flush=True)
while not (swaps % 256 == 0 and select.select([sys.stdin], [], [], 0)[0]):
  swap(b"tree/inner", b"tree/link")
  swaps += swap(b"d", b"link")
print(swaps, flush=True)
`;

/** Every part of the destination that the engine is told to change, named so that it can go astray. */
const names = ["file", "moved", "lock", "new-link", "large", "secret"] as const;
/** How often the directory must have been itself, and how often something else. */
const enough = 50;
const mtime = { seconds: 1, nanos: 1 };

const why = whyNoUringEngine() ?? whyNot({ programs: ["python3"] });
const title = "directories that are swapped for links while the engine works lead it nowhere else";

Deno.test({
  name: why === undefined ? title : `${title} (skipped: ${why})`,
  ignore: why !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "rcopy-race-" });
    try {
      await race(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function race(folder: string): Promise<void> {
  await shell(
    "mkdir -p canary/inside dest/d && echo secret > canary/secret && echo x > canary/inside/x",
    folder,
  );
  await shell(
    "for n in file moved lock large; do echo precious > canary/$n; done; ln -s ../canary dest/link",
    folder,
  );
  const before = await record(folder);
  const { child, stop } = await startSwapper(`${folder}/dest`);
  const tally = { was: 0, wasNot: 0 };
  try {
    using engine = openUringEngine();
    const root = engine.openRoot(`${folder}/dest`);
    while (Math.min(tally.was, tally.wasNot) < enough) await useSwapped(engine, root, tally);
    engine.closeDirectory(root);
  } finally {
    assert(await stop() > 0, "there were swaps");
    await child.status;
  }
  assertEquals(await record(folder), before);
  assert(tally.was >= enough && tally.wasNot >= enough, JSON.stringify(tally));
}

/** Works in `d`, which may be a link by the time of any of the calls. */
async function useSwapped(engine: Engine, root: Directory, tally: { was: number; wasNot: number }) {
  let directory: Directory;
  try {
    directory = engine.openDirectory(root, ownName("d"));
    tally.was++;
  } catch (error) {
    assertEquals(asRcopyError(error).code, "type-conflict");
    tally.wasNot++;
    return;
  }
  for (const atOnce of [true, false]) {
    const file = { directory, name: ownName("file"), atOnce, mode: 0o600, mtime, offset: 0, size: 4 };
    await engine.createFiles([file], Uint8Array.of(1, 2, 3, 4)).finish();
  }
  const attempts = [
    () => engine.setFileMode(directory, ownName("file"), 0o666),
    () => engine.setFileMode(root, ownName("d"), 0o777),
    () => engine.createLink(directory, ownName("new-link"), Uint8Array.of(0x78), mtime),
    () => engine.closeDirectory(engine.makeDirectory(directory, ownName("made"), 0o700)),
    () => engine.place(directory, ownName("file"), ownName("moved")),
    () => engine.createOwn(directory, ownName("lock"))[Symbol.dispose](),
    () => engine.openOwn(directory, ownName("lock"))?.[Symbol.dispose](),
    () => engine.traitsOf(directory),
    () => engine.abandonTarget(engine.createTarget(directory, ownName("large"), { size: 10, mode: 0o644 })),
    () => engine.removeUnfinished(directory, ownName("secret"), { name: ownName("x"), size: 7, mtime }),
    () => engine.setDirectoryMetadata(directory, { mode: 0o755, mtime }, { mayLoosen: true }),
    () => engine.setDirectoryMode(directory, 0o755),
  ];
  for (const attempt of attempts) mayFail(attempt);
  assertEquals(listed(engine, directory).includes("secret"), false);
  const expected: FileIdentity = { device: 0, inode: 0n, size: 7, mtime, ctimeNs: 0n };
  const read = { directory, name: ownName("secret"), expected, offset: 0, error: undefined };
  await engine.readFiles([read], new Uint8Array(7)).finish();
  assertEquals((read.error as RcopyError | undefined)?.code, "vanished");
  for (const name of names) mayFail(() => engine.unlink(directory, ownName(name)));
  engine.closeDirectory(directory);
}

function mayFail(attempt: () => unknown): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof RcopyError) || error.code === "internal") throw error;
  }
}

function listed(engine: Engine, directory: Directory): string[] {
  const columns = new EntryColumns();
  using listing = engine.list(directory);
  while (listing.next(columns, 100));
  const files = [...columns.kinds.subarray(0, columns.count).keys()].filter((index) =>
    columns.kinds[index] !== EntryKind.directory
  );
  return files.map((index) => new TextDecoder().decode(columns.name(index)));
}

async function startSwapper(
  folder: string,
): Promise<{ child: Deno.ChildProcess; stop: () => Promise<number> }> {
  const command = new Deno.Command("python3", {
    args: ["-c", swapper, folder],
    stdin: "piped",
    stdout: "piped",
  });
  const child = command.spawn();
  const output = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const until = async (isEnough: () => boolean) => {
    for (let part = await output.read(); !part.done; part = await output.read()) {
      text += decoder.decode(part.value);
      if (isEnough()) return;
    }
  };
  await until(() => text.includes("ready"));
  const stop = async () => {
    await child.stdin.close();
    await until(() => false);
    return Number(text.split("\n")[1]);
  };
  return { child, stop };
}

/** Everything about the canary that a program outside can see. */
async function record(folder: string): Promise<string> {
  const format = "%p %y %m %s %T@ %C@ %i %n\\n";
  return await shell(
    `find canary -printf '${format}' | sort; find canary -type f -exec sha256sum {} + | sort`,
    folder,
  );
}

async function shell(script: string, folder: string): Promise<string> {
  const { success, stdout } = await new Deno.Command("bash", { args: ["-c", script], cwd: folder }).output();
  assert(success, script);
  return new TextDecoder().decode(stdout);
}
