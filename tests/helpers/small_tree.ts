/** Small trees for tests that run a session many times. */
import { randomFrom } from "./random.ts";

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
  const paths: string[] = [];
  let parent = "";
  for (let d = 0; d < options.directories; d++) {
    parent = d % 3 === 0 ? `d${d}` : `${parent}/d${d}`;
    Deno.mkdirSync(`${root}/${parent}`);
    for (let f = 0; f < options.filesPerDirectory; f++) {
      const path = `${parent}/f${f}`;
      writeRandom(`${root}/${path}`, options.sizeOf(random()), random);
      paths.push(path);
    }
    Deno.symlinkSync(`f0`, `${root}/${parent}/link`);
  }
  Deno.mkdirSync(`${root}/empty`);
  writeRandom(`${root}/top`, 100, random);
  paths.push("top");
  return paths;
}

function writeRandom(path: string, size: number, random: () => number): void {
  const content = new Uint8Array(size);
  for (let i = 0; i + 4 <= size; i += 4) {
    const value = Math.floor(random() * 0x1_0000_0000);
    content[i] = value;
    content[i + 1] = value >>> 8;
    content[i + 2] = value >>> 16;
    content[i + 3] = value >>> 24;
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
