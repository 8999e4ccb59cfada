/** What is copied in a comparison with peers. */
import { randomFrom } from "../helpers/random.ts";
import { installPackages, packages } from "./npm_packages.ts";

/** One kind of work: makes its tree in an empty directory. */
export interface Work {
  name: string;
  title: string;
  /** @returns why it cannot be made here, if so */
  make(root: string, scale: number): Promise<string | undefined> | void;
}

const pieceBytes = 1024 * 1024;

/** Fills a buffer with bytes that do not compress. */
function noise(bytes: number, random: () => number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = random() * 0x1_0000_0000;
  return new Uint8Array(words.buffer, 0, bytes);
}

/** Writes a file of so many bytes, no two pieces of which are the same. */
export function writeLarge(path: string, bytes: number, random: () => number): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const piece = noise(pieceBytes, random);
  for (let left = bytes; left > 0; left -= pieceBytes) {
    new DataView(piece.buffer).setFloat64(0, left);
    file.writeSync(piece.subarray(0, Math.min(left, pieceBytes)));
  }
}

/** Makes files of one size, spread over directories; each begins with its number. */
export function makeFiles(root: string, tree: { directories: number; files: number; bytes: number }): void {
  const content = noise(tree.bytes, randomFrom(2));
  const view = new DataView(content.buffer);
  for (let d = 0; d < tree.directories; d++) Deno.mkdirSync(`${root}/d${d}`);
  for (let f = 0; f < tree.files; f++) {
    view.setUint32(0, f);
    Deno.writeFileSync(`${root}/d${f % tree.directories}/file-${f}`, content);
  }
}

/** Files of the short copy, its bytes in all, and how many directories hold them. */
const fewFiles = 2000;
const fewBytes = 70_000_000;
const fewDirectoriesMax = 100;
/** Its sizes before they are scaled to the sum: logarithms spread normally about a median, up to a bound. */
const fewMedianBytes = 5000;
const fewSpread = 1.9;
const fewFileBytesMax = 500_000;

/**
 * Sizes of a short copy's files, in bytes, as they are in trees of sources and documents: half of the files have less than
 * some 6 KB, a few have several hundred KB and most of the bytes. The same for the same number of files.
 */
export function fewSizes(files: number): number[] {
  const random = randomFrom(5);
  const drawn = Array.from({ length: files }, () => {
    // Box and Muller: two even numbers make a normal one.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.min(fewFileBytesMax, fewMedianBytes * Math.exp(fewSpread * normal));
  });
  const scale = fewBytes / fewFiles * files / drawn.reduce((sum, bytes) => sum + bytes, 0);
  return drawn.map((bytes) => Math.ceil(bytes * scale));
}

function makeFew(root: string, files: number): void {
  const sizes = fewSizes(files);
  const content = noise(Math.max(...sizes, 4), randomFrom(6));
  const view = new DataView(content.buffer);
  // None is empty where there are few files.
  const directories = Math.min(fewDirectoriesMax, files);
  const folders = Array.from(
    { length: directories },
    (_, i) => `${root}/d${i % 10}/e${Math.floor(i / 10)}`,
  );
  for (const folder of folders) Deno.mkdirSync(folder, { recursive: true });
  for (const [f, bytes] of sizes.entries()) {
    view.setUint32(0, f);
    Deno.writeFileSync(`${folders[f % directories]}/file-${f}`, content.subarray(0, bytes));
  }
}

/** Largest file of the mixed tree, and its bytes in all. */
const mixedFileBytesMax = 64_000_000;
const mixedBytes = 2_000_000_000;

export const works: readonly Work[] = [
  {
    name: "big",
    title: "one file of 2 GB",
    make: (root, scale) => writeLarge(`${root}/big`, Math.round(2_000_000_000 * scale), randomFrom(1)),
  },
  {
    name: "small",
    title: "50,000 files of 4 KiB",
    make: (root, scale) =>
      makeFiles(root, { directories: 50, files: Math.round(50_000 * scale), bytes: 4096 }),
  },
  { name: "nothing", title: "an empty directory", make: () => {} },
  {
    name: "few",
    title: "2,000 files, 70 MB in all",
    make: (root, scale) => makeFew(root, Math.round(fewFiles * scale)),
  },
  {
    name: "thousand",
    title: "1,000 files of 4 KiB",
    make: (root, scale) => makeFiles(root, { directories: 10, files: Math.round(1000 * scale), bytes: 4096 }),
  },
  {
    name: "twenty",
    title: "20,000 files of 4 KiB",
    make: (root, scale) =>
      makeFiles(root, { directories: 20, files: Math.round(20_000 * scale), bytes: 4096 }),
  },
  {
    name: "mixed",
    title: "1 B to 64 MB, 2 GB in all",
    make: (root, scale) => {
      const random = randomFrom(3);
      for (let bytes = 0, i = 0; bytes < mixedBytes * scale; i++) {
        const size = Math.ceil(Math.exp(random() * Math.log(mixedFileBytesMax)));
        if (i % 50 === 0) Deno.mkdirSync(`${root}/d${i / 50}`);
        writeLarge(`${root}/d${Math.floor(i / 50)}/f${i}`, size, random);
        bytes += size;
      }
    },
  },
  {
    name: "ten",
    title: "10 files of 200 MB",
    make: (root, scale) => {
      for (let i = 0; i < 10; i++) {
        writeLarge(`${root}/f${i}`, Math.round(200_000_000 * scale), randomFrom(4 + i));
      }
    },
  },
  {
    name: "source",
    title: `source tree of ${packages.length} npm packages`,
    make: (root, scale) => installPackages(root, Math.ceil(packages.length * scale)),
  },
];
