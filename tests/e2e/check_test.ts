/** `--check`: what is there is compared by its content, whatever its size and time say. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** The last event of a run with `--json`. */
function summaryOf({ stdout }: { stdout: string }) {
  return stdout.trim().split("\n").map((line) => JSON.parse(line)).find(({ type }) => type === "done")
    .summary;
}

/** Small and large files in `a`, and the same in `b` with the same times. */
const sameTwice =
  `cd "$1" && mkdir -p a/d && for i in $(seq 50); do echo "file $i" > a/d/$i; done && : > a/empty &&
  head -c 3000000 /dev/urandom > a/medium && head -c 13000000 /dev/urandom > a/large && ln -s medium a/link &&
  cp -a a b`;

/** Changes of one byte each that size and time do not show. */
const hidden = `cd "$1/b" && for f in d/7 d/31 medium large; do
  cp -p "$f" ../time && printf X | dd of="$f" bs=1 seek=3 conv=notrunc status=none && touch -r ../time "$f"; done`;

for (const side of ["send", "receive"] as const) {
  testEngines(
    `--check of ${side} finds what differs under the same size and time, and copies that alone`,
    async (io) => {
      await withFolder(async (folder) => {
        await shell(sameTwice, folder);
        await shell(hidden, folder);
        const json = ["--io", io, "--json"];
        const without = { source: `${folder}/a`, target: `${folder}/b`, send: json, receive: json };
        const blind = await copyTree(without);
        assertStatuses(blind, 0);
        assertEquals([summaryOf(blind.received).files, summaryOf(blind.received).compared], [0, 0]);

        const checked = await copyTree({ ...without, [side]: [...json, "--check"] });
        assertStatuses(checked, 0);
        for (const end of [checked.sent, checked.received]) {
          const { files, bytes, compared, skipped, failed } = summaryOf(end);
          assertEquals([files, bytes, compared, skipped, failed], [
            4,
            13_000_000 + 3_000_000 + 7 + 8,
            53,
            50,
            0,
          ]);
        }
        await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);

        const again = await copyTree({ ...without, [side]: [...json, "--check"] });
        assertStatuses(again, 0);
        const { files, compared, skipped, wireBytes } = summaryOf(again.received);
        assertEquals([files, compared, skipped], [0, 53, 54]);
        assert(wireBytes < 100_000, `${wireBytes} bytes on the wire`);
      });
    },
  );
}

testEngines("--check leaves equal content under another time, and gives it time and mode", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell('cd "$1/b" && touch -d 2001-02-03 d/5 large medium && chmod 600 d/6 large', folder);
    const before = await shell('stat -c "%i %n" "$1"/b/d/5 "$1"/b/d/6 "$1"/b/large "$1"/b/medium', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const outcome = await copyTree({ ...options, receive: ["--io", io, "--check", "--json"] });
    assertStatuses(outcome, 0);
    const { files, compared } = summaryOf(outcome.received);
    assertEquals([files, compared], [0, 53]);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    assertEquals(
      await shell('stat -c "%i %n" "$1"/b/d/5 "$1"/b/d/6 "$1"/b/large "$1"/b/medium', folder),
      before,
    );
  });
});

testEngines("--check with --dry-run names what differs, and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell(hidden, folder);
    await shell('cd "$1" && touch -d 2001-02-03 b/d/5 && echo new > a/new && cp -a b c', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const outcome = await copyTree({ ...options, receive: ["--io", io, "--check", "--dry-run", "--json"] });
    assertStatuses(outcome, 0);
    const planned = outcome.received.stdout.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ type }) => type === "planned").map(({ path }) => path).sort();
    assertEquals(planned, ["d/31", "d/7", "large", "medium", "new"]);
    await assertEqualTrees(`${folder}/b`, `${folder}/c`, { mtimeStepNs: 1, linkTimes: true });
  });
});

testEngines(
  "--check reads nothing where --exists decides alone, and says how many files it compared",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(sameTwice, folder);
      await shell(hidden, folder);
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
      const kept = await copyTree({
        ...options,
        receive: ["--io", io, "--check", "--exists", "skip", "--json"],
      });
      assertStatuses(kept, 0);
      assertEquals([summaryOf(kept.received).files, summaryOf(kept.received).compared], [0, 0]);
      const outcome = await copyTree({ ...options, receive: ["--io", io, "--check"] });
      for (const { stderr } of [outcome.sent, outcome.received]) assertMatch(stderr, /53 files compared/);
    });
  },
);

testEngines("--check replaces what is of another kind or size", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell(
      'cd "$1" && rm b/d/9 && mkfifo b/d/9 && truncate -s 5 b/d/10 && rm -r b/large && ln -s nowhere b/large',
      folder,
    );
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io, "--check"] }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});
