/** Small trees for tests that run a session many times. */
import { randomFrom } from "./random.ts";

/** Odd, so that the pages of a large file are not alike. */
const blockBytes = 65_537;
/** As many are given at a time. */
const randomBytesMax = 65_536;

export interface SmallTreeOptions {
  directories: number;
  filesPerDirectory: number;
  /** Size of each file, given a random number from 0 to 1. */
  sizeOf: (random: number) => number;
  seed?: number;
}

/** Makes files, directories (nested in threes), an empty directory and links under `root`; returns the relative paths of the files. */
export function makeSmallTree(root: string, options: SmallTreeOptions): string[] {
  const random = randomFrom(options.seed ?? 1);
  const block = Uint8Array.from({ length: blockBytes }, () => Math.floor(random() * 256));
  const writeFile = (path: string, size: number) => writeFrom(block, path, { size, at: random() });
  const paths: string[] = [];
  let parent = "";
  for (let d = 0; d < options.directories; d++) {
    parent = d % 3 === 0 ? `d${d}` : `${parent}/d${d}`;
    Deno.mkdirSync(`${root}/${parent}`);
    for (let f = 0; f < options.filesPerDirectory; f++) {
      const path = `${parent}/f${f}`;
      writeFile(`${root}/${path}`, options.sizeOf(random()));
      paths.push(path);
    }
    Deno.symlinkSync(`f0`, `${root}/${parent}/link`);
  }
  Deno.mkdirSync(`${root}/empty`);
  writeFile(`${root}/top`, 100);
  paths.push("top");
  return paths;
}

/** Files `1`, `2`, … of so many random bytes in a directory, which is made: no process for each, as a shell would start. */
export function makeFiles(directory: string, { count, bytes }: { count: number; bytes: number }): void {
  Deno.mkdirSync(directory, { recursive: true });
  const content = new Uint8Array(bytes);
  for (let number = 1; number <= count; number++) {
    for (let at = 0; at < bytes; at += randomBytesMax) {
      crypto.getRandomValues(content.subarray(at, at + randomBytesMax));
    }
    Deno.writeFileSync(`${directory}/${number}`, content);
  }
}

/** Writes a file of a random block that repeats, from somewhere in it on, so that no two files begin alike. */
function writeFrom(block: Uint8Array, path: string, { size, at }: { size: number; at: number }): void {
  const content = new Uint8Array(size);
  const start = Math.floor(at * block.length);
  for (let done = 0, from = start; done < content.length; from = 0) {
    const part = block.subarray(from, from + content.length - done);
    content.set(part, done);
    done += part.length;
  }
  Deno.writeFileSync(path, content);
}

/** Two temporary directories, removed at the end. */
export async function withTwoDirectories(
  body: (source: string, target: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "rcopy-test-" });
  try {
    Deno.mkdirSync(`${root}/source`);
    Deno.mkdirSync(`${root}/target`);
    await body(`${root}/source`, `${root}/target`);
  } finally {
    await new Deno.Command("chmod", { args: ["-R", "u+rwx", root], stderr: "null" }).output();
    await Deno.remove(root, { recursive: true });
  }
}

/** Fails unless `diff` finds the trees equal, links compared as links. */
export async function assertSameTree(source: string, target: string): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command("diff", {
    args: ["-r", "--no-dereference", source, target],
  })
    .output();
  if (code !== 0) {
    throw new Error(`trees differ: ${new TextDecoder().decode(stdout)}${new TextDecoder().decode(stderr)}`);
  }
}
