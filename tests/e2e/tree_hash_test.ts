/** The tree hash, computed again from the definition in PROTOCOL.md by `find` and `xxhsum`. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { makeOddTree, shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { recordTree } from "../helpers/tree_record.ts";

const extentBytes = 4 * 1024 * 1024;

testWhere(
  { root: true, programs: ["xxhsum", "python3"] },
  "both ends print the tree hash that find and xxhsum give",
  async () => {
    await withFolder(async (folder) => {
      await makeOddTree(`${folder}/source`, { utf8Only: true });
      const { sent, received } = await copyTree({
        source: `${folder}/source`,
        target: `${folder}/target`,
        send: ["--json"],
        receive: ["--json"],
      });
      assertStatuses({ sent, received }, 0);
      const expected = await treeHash(`${folder}/target`, `${folder}/scratch`);
      for (const { stdout } of [sent, received]) {
        const done = stdout.trim().split("\n").map((line) => JSON.parse(line)).find((event) =>
          event.type === "done"
        );
        assertEquals(done.summary.treeHash, expected);
      }
    });
  },
);

/** The count of the entries and the sum of their hashes modulo 2^128. Every hash is made by `xxhsum -H2`, of files. */
async function treeHash(root: string, scratch: string): Promise<string> {
  const records = [...(await recordTree(root)).values()];
  await Deno.mkdir(scratch);
  // Contents: of a link its text; of a file up to 4 MiB the file itself; above that, the hashes of its extents in order.
  for (const [index, { path, kind, size, link }] of records.entries()) {
    const file = `${scratch}/content-${index}`;
    if (kind === "l") await Deno.writeFile(file, bytesOf(link));
    if (kind !== "f") continue;
    const content = await Deno.readFile(`${root}/${new TextDecoder().decode(bytesOf(path))}`);
    await Deno.writeFile(
      file,
      Number(size) <= extentBytes ? content : await hashesOfExtents(content, scratch),
    );
  }
  const contents = await xxhsum(scratch, "content-");
  for (const [index, { path, kind, mode, size }] of records.entries()) {
    const name = bytesOf(path);
    const record = new Uint8Array(27 + name.length);
    const view = new DataView(record.buffer);
    record[0] = { f: 1, d: 2, l: 3 }[kind]!;
    view.setUint16(1, kind === "l" ? 0 : parseInt(mode, 8) & 0o777, true);
    view.setBigUint64(3, kind === "f" ? BigInt(size) : 0n, true);
    const hash = contents.get(`content-${index}`);
    if (hash !== undefined) record.set(bytesOfHex(hash), 11);
    record.set(name, 27);
    await Deno.writeFile(`${scratch}/record-${index}`, record);
  }
  let sum = 0n;
  const hashes = await xxhsum(scratch, "record-");
  for (const hash of hashes.values()) sum += BigInt(`0x${hash}`);
  assert(hashes.size === records.length);
  return `${records.length}-${(sum % 2n ** 128n).toString(16).padStart(32, "0")}`;
}

async function hashesOfExtents(content: Uint8Array, scratch: string): Promise<Uint8Array> {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += extentBytes) {
    await Deno.writeFile(`${scratch}/extent`, content.subarray(at, at + extentBytes));
    hashes.push(bytesOfHex((await xxhsum(scratch, "extent")).get("extent")!));
  }
  await Deno.remove(`${scratch}/extent`);
  return Uint8Array.from(hashes.flatMap((hash) => [...hash]));
}

/** Hashes of the files whose names begin so, by name. */
async function xxhsum(folder: string, prefix: string): Promise<Map<string, string>> {
  const output = await shell(
    'cd "$1" && find . -name "$2*" -type f -print0 | xargs -0 xxhsum -H2 --quiet',
    folder,
    prefix,
  );
  return new Map(output.trim().split("\n").map((line) => [line.slice(36), line.slice(0, 32)]));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
