/**
 * Disks as a loss of power leaves them in the middle of a copy, and the copy that goes on from there: `deno task soak:power
 * [--losses N] [--seconds N] [--seed N] [--turns]`. Each disk is an image of ext4 or XFS below a file system of FUSE. While
 * that is stopped, no block is written, and the image is what a loss of power at this moment would leave. With `--turns` each
 * file system meets one engine, otherwise both.
 *
 * Fails where a file has the right size and time and wrong content, where a large file that is replaced is neither old nor
 * new, or where the next copy does not leave equal trees. Needs root.
 */
import { parseArgs } from "node:util";
import { type FileSystemKind, whyNoFileSystem, withFileSystem } from "../helpers/file_systems.ts";
import { QuietNetwork, whyNoQuietNetwork } from "../helpers/quiet_network.ts";
import { randomFrom, testSeed } from "../helpers/random.ts";
import { assertStatuses, type CopyOptions, copyTree } from "../helpers/rcopy_process.ts";
import { shell } from "../helpers/test_folder.ts";
import { differencesOf, recordTree, type TreeRecord } from "../helpers/tree_record.ts";

const { values } = parseArgs({
  options: {
    losses: { type: "string", default: "10" },
    seconds: { type: "string", default: "14" },
    seed: { type: "string" },
    turns: { type: "boolean", default: false },
  },
});
/** Losses of power in one copy. */
const losses = Number(values.losses);
/** What one copy takes, about; the last losses come after its end. */
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? testSeed() : Number(values.seed);
/** Files of a size that is kept, so that a copy takes as long as it was told to. */
const bytesPerSecond = 12_000_000;
const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

for (const kind of ["ext4", "xfs"] as const) {
  const why = whyNoFileSystem({ kind }) ?? whyNoFileSystem({ kind: "odd" }) ?? whyNoQuietNetwork();
  if (why !== undefined) throw new Error(`soak:power: ${why}`);
}
console.log(`soak: ${losses} losses of power within ${seconds} s, --seed ${seed}`);
const copies = ([["ext4", "uring"], ["xfs", "deno"], ["ext4", "deno"], ["xfs", "uring"]] as const)
  .slice(0, values.turns ? 2 : 4);
let whole = 0;
for (const [kind, io] of copies) whole += await losePower(kind, io);
console.log(
  `soak: ${copies.length * losses} losses of power, ${whole} files were whole after them, 0 were wrong`,
);

/** One copy, images of its disk, and what is on each. @returns how many files were there as they should be */
async function losePower(kind: FileSystemKind, io: "deno" | "uring"): Promise<number> {
  let count = 0;
  await withFileSystem({ kind: "odd", options: "passes-on" }, async (folder) => {
    await makeTrees(folder, kind);
    await using network = await QuietNetwork.make(`${bytesPerSecond * 8}bit`);
    const ends = optionsOf(folder, io, network);
    await shell('cd "$1" && mount -o loop m/i disk && cp -a old disk/target && sync -f disk', folder);
    const copying = copyTree({ ...ends, target: `${folder}/disk/target` });
    const random = randomFrom(seed);
    const moments = Array.from({ length: losses }, () => random() * seconds * 1.3 * 1000).sort((a, b) =>
      a - b
    );
    const began = performance.now();
    const until = (moment: number) =>
      new Promise((wake) => setTimeout(wake, Math.max(0, began + moment - performance.now())));
    for (const [number, moment] of moments.entries()) {
      // Others have the disk written to, too.
      await until((moment + (moments[number - 1] ?? 0)) / 2);
      if (random() < 0.5) await shell('sync -f "$1/disk"', folder);
      await until(moment);
      await takeImage(folder, number);
    }
    assertStatuses(await copying, 0);
    await shell('cd "$1" && umount disk', folder);
    const trees = { source: await recordTree(`${folder}/source`), old: await recordTree(`${folder}/old`) };
    for (const [number, moment] of moments.entries()) {
      const shown = `${kind}, --io ${io}, after ${(moment / 1000).toFixed(1)} s`;
      // The disk itself may still be mounted elsewhere: in the namespace of another process.
      const options = kind === "xfs" ? "loop,nouuid" : "loop";
      await shell('cd "$1" && mount -o "$3" "image-$2" disk', folder, String(number), options);
      const there = await look(trees, `${folder}/disk/target`, shown);
      assertStatuses(
        await copyTree({ ...ends, sender: {}, receiver: {}, target: `${folder}/disk/target` }),
        0,
      );
      const different = differencesOf(trees.source, await recordTree(`${folder}/disk/target`), comparison);
      if (different.length > 0) {
        throw new Error(`${shown}, and completed:\n${different.slice(0, 9).join("\n")}`);
      }
      console.log(`${shown}: ${there} of ${trees.source.size} were there; completed`);
      count += there;
      await shell('cd "$1" && umount disk && rm "image-$2"', folder, String(number));
    }
  });
  return count;
}

/** The image as it is now: nothing is written to it meanwhile. */
async function takeImage(folder: string, number: number): Promise<void> {
  await shell(
    `cd "$1" && kill -STOP $(cat server) &&
    { cp --sparse=always back/i "image-$2"; status=$?; kill -CONT $(cat server); exit $status; }`,
    folder,
    String(number),
  );
}

/** Large files that are new and that are replaced, and small ones; an image with the disk's file system. */
async function makeTrees(folder: string, kind: FileSystemKind): Promise<void> {
  const make = kind === "xfs" ? "mkfs.xfs -q" : "mkfs.ext4 -q";
  await shell(
    `cd "$1" && mkdir -p disk source/new source/d old/d && total=$2 &&
    for f in source/large source/new/large source/d/replaced; do head -c $((total * 3 / 10)) /dev/urandom >$f; done &&
    for f in $(seq 200); do head -c $((total / 2000)) /dev/urandom >source/new/$f; head -c 300 /dev/urandom >source/d/$f; done &&
    head -c $((total / 5)) /dev/urandom >old/d/replaced && for f in 1 2 3; do echo old >old/d/$f; done &&
    truncate -s 700M back/i && ${make} back/i`,
    folder,
    String(bytesPerSecond * seconds),
  );
}

function optionsOf(
  folder: string,
  io: "deno" | "uring",
  { within }: QuietNetwork,
): Omit<CopyOptions, "target"> {
  const both = ["--io", io];
  return { source: `${folder}/source`, send: both, receive: both, sender: { within }, receiver: { within } };
}

/** What a loss of power left. @returns how many entries are as they should be in the end */
async function look(
  { source, old }: { source: Map<string, TreeRecord>; old: Map<string, TreeRecord> },
  target: string,
  shown: string,
): Promise<number> {
  let whole = 0;
  const found = await recordTree(target);
  for (const [path, { kind, size, mtime, hash }] of found) {
    const wanted = source.get(path);
    if (kind !== "f" || !wanted) continue;
    // The portable engine keeps milliseconds.
    const looksRight = size === wanted.size && mtime.slice(0, 14) === wanted.mtime.slice(0, 14);
    if (looksRight && hash !== wanted.hash) throw new Error(`${shown}: ${path} looks right, and is wrong`);
    if (looksRight) whole++;
  }
  for (const path of ["d/replaced"]) {
    const hash = found.get(path)?.hash;
    if (hash !== source.get(path)!.hash && hash !== old.get(path)!.hash) {
      throw new Error(`${shown}: ${path} is neither old nor new`);
    }
  }
  return whole;
}
