/** The tree that the demonstration copies. */

const megabyte = 1_000_000;

/** Makes about 300 MB at `root`: one large file, two thousand small ones, links and odd names. */
export function makeDemoTree(root: string): { bytes: number } {
  Deno.mkdirSync(root);
  let bytes = writeFile(`${root}/large.bin`, 200 * megabyte);
  bytes += writeFile(`${root}/medium.bin`, 50 * megabyte);
  for (let d = 0; d < 40; d++) {
    Deno.mkdirSync(`${root}/small-${d}`);
    for (let f = 0; f < 50; f++) {
      bytes += writeFile(`${root}/small-${d}/file-${f}`, 500 + ((d * 50 + f) * 37) % 50_000);
    }
  }
  Deno.mkdirSync(`${root}/links`);
  Deno.symlinkSync("../large.bin", `${root}/links/relative`);
  Deno.symlinkSync("/nowhere/at/all", `${root}/links/dangling`);
  Deno.symlinkSync("..", `${root}/links/loop`);
  Deno.mkdirSync(`${root}/odd`);
  Deno.mkdirSync(`${root}/odd/empty directory`);
  for (const name of ["-rf", "new\nline", "\x1b[31mred", "naïve", "n".repeat(255), ".hidden", "a\\b"]) {
    bytes += writeFile(`${root}/odd/${name}`, name.length);
  }
  Deno.utimeSync(`${root}/odd/.hidden`, 1, 1);
  Deno.chmodSync(`${root}/odd/-rf`, 0o600);
  Deno.chmodSync(`${root}/odd/empty directory`, 0o555);
  return { bytes };
}

/** Random bytes at the front of each block, so that no two blocks are alike. */
const block = new Uint8Array(megabyte);
for (let at = 0; at < megabyte; at += 50_000) crypto.getRandomValues(block.subarray(at, at + 50_000));
let blocks = 0;

function writeFile(path: string, size: number): number {
  using file = Deno.openSync(path, { write: true, createNew: true });
  for (let left = size; left > 0;) {
    new DataView(block.buffer).setUint32(0, blocks++);
    left -= file.writeSync(block.subarray(0, Math.min(left, block.length)));
  }
  return size;
}
