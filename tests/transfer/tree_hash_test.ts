/** The printed tree hash, computed again from its definition by `find`, `xxhsum` and Python: no code of rcopy. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, testWhere, withFolder } from "../helpers/test_folder.ts";

const needs = { programs: ["xxhsum", "find", "python3"] };
const script = new URL("../helpers/tree_hash.py", import.meta.url).pathname;

const makeTree = `mkdir -p "$1/source/a/deep/er" "$1/source/empty" && cd "$1/source" &&
  : > zero && printf x > a/one && printf 'name with\\ttab' > "$(printf 'a/odd\\tname')" &&
  for size in 4194303 4194304 4194305 8388608 9000000; do head -c $size /dev/urandom > a/deep/$size; done &&
  for i in $(seq 40); do head -c $((i * 37)) /dev/urandom > a/deep/er/$i; done &&
  printf ue > "$(printf 'a/\\303\\274')" && chmod 600 a/one && chmod 755 a/deep/er/3 && chmod 400 a/deep/er/4 &&
  chmod 500 a/deep/er && chmod 711 empty &&
  ln -s one a/link && ln -s /nowhere/at/all dangling && ln -s deep/er a/to-directory`;

/** Gives the copies of links in `../target` the times of the links. */
const touchLinks = 'find . -type l -exec touch -h -r {} ../target/{} ";"';

testEngines("the printed tree hash is what find and xxhsum make of both trees", async (io) => {
  await withFolder(async (folder) => {
    await shell(makeTree, folder);
    const options = { source: `${folder}/source`, target: `${folder}/target` };
    const { sent, received } = await copyTree({ ...options, send: ["--io", io], receive: ["--io", io] });
    assertStatuses({ sent, received }, 0);
    const printed = [sent, received].map(({ stderr }) => /tree hash (\d+-[0-9a-f]{32})/.exec(stderr)?.[1]);
    // The portable engine keeps milliseconds, and cannot give a link its time.
    const step = io === "deno" ? 1_000_000 : 1;
    if (io === "deno") await shell(`cd "$1/source" && ${touchLinks}`, folder);
    const [ofSource, ofTarget] = [await treeHash(options.source, step), await treeHash(options.target, step)];
    assertEquals(printed, [ofSource, ofSource]);
    assertEquals(ofTarget, ofSource);
  });
}, needs);

testWhere(
  needs,
  "the tree hash tells trees apart that differ in one bit, one mode, one name or one time",
  async () => {
    await withFolder(async (folder) => {
      await shell(makeTree, folder);
      const source = `${folder}/source`;
      const seen = [await treeHash(source)];
      for (
        const change of [
          'printf y > "$1/a/one"',
          'chmod 601 "$1/a/one"',
          'mv "$1/a/one" "$1/a/two"',
          'ln -sfn elsewhere "$1/dangling"',
          'chmod 710 "$1/empty"',
          'touch -d @1700000000.000000001 "$1/zero"',
          'touch -d @1700000000.000000002 "$1/zero"',
          'touch -d @-1 "$1/zero"',
        ]
      ) {
        await shell(change, source);
        const hash = await treeHash(source);
        for (const before of seen) assertNotEquals(hash, before, change);
        seen.push(hash);
      }
    });
  },
);

/** Times are cut to `step` nanoseconds. */
async function treeHash(root: string, step = 1): Promise<string> {
  return (await shell('python3 "$1" "$2" "$3"', script, root, `${step}`)).trim();
}
