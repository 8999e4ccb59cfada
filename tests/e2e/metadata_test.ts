/** Names, modes, times, links and empty directories, compared by programs that share nothing with rcopy. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, copyTree, summaryOf } from "../helpers/rcopy_process.ts";
import { comparisonOf, makeOddTree, shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary, recordTree } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };
const needs = { root: true, programs: ["python3"] };

testEngines(
  "a tree of odd names, sizes, modes, times and links arrives as it is, and a second copy finds all of it",
  async (io) => {
    await withFolder(async (folder) => {
      const canary = await Canary.plant(`${folder}/canary`);
      await makeOddTree(`${folder}/source`, { utf8Only: io === "deno" });
      const before = await recordTree(`${folder}/source`);
      assertStatuses(
        await copyTree({
          source: `${folder}/source`,
          target: `${folder}/target`,
          send: ["--io", io],
          receive: ["--io", io],
        }),
        0,
      );
      await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
      assertEquals(await recordTree(`${folder}/source`), before);
      await canary.assertUntouched();
      const again = await copyTree({
        source: `${folder}/source`,
        target: `${folder}/target`,
        send: ["--io", io],
        receive: ["--io", io, "--json"],
      });
      assertStatuses(again, 0);
      assertEquals(summaryOf(again.received).files, 0, "no file is sent twice");
      await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
    });
  },
  needs,
);

for (const end of ["sender", "receiver"] as const) {
  testEngines(
    `the portable engine as ${end} reports each name that it cannot spell, and copies the rest`,
    async (io) => {
      await withFolder(async (folder) => {
        await makeOddTree(`${folder}/source`);
        const source = await recordTree(`${folder}/source`);
        const isExact = (path: string) => isUtf8(path) && isUtf8(source.get(path)!.link);
        const unspellable = [...source.keys()].filter((path) => !isExact(path));
        assert(unspellable.length >= 10);
        const [send, receive] = end === "sender" ? ["deno", io] : [io, "deno"];
        const outcome = await copyTree({
          source: `${folder}/source`,
          target: `${folder}/target`,
          send: ["--io", send!, "--json"],
          receive: ["--io", receive!, "--json"],
        });
        assertStatuses(outcome, 23);
        await assertEqualTrees(`${folder}/source`, `${folder}/target`, {
          ...comparisonOf("deno"),
          without: (path) => !isExact(path),
        });
        for (const { stdout } of [outcome.sent, outcome.received]) {
          const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
          const failures = events.filter((event) => event.type === "failure").map((event) => event.failure);
          assert(failures.every(({ code }) => code === "name-unrepresentable" || code === "parent-failed"));
          // What is below a directory that cannot be spelled is not counted one by one.
          const listed = unspellable.filter((path) => isUtf8(path.slice(0, path.lastIndexOf("/") + 1)));
          assertEquals(failures.length, listed.length);
        }
      });
    },
    // Where both ends have it, one test is enough.
    end === "receiver" ? { ...needs, only: "uring" } : needs,
  );
}

testEngines("links of all kinds, modes, times and empty directories are kept", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/dir/empty" && cd "$1/a" && echo 1 > program && chmod 751 program && touch -d '2001-02-03 04:05:06.789' program &&
      ln -s dir loop && ln -s .. dir/up && ln -s loop-b loop-a && ln -s loop-a loop-b && touch -d 1999-01-01 dir/empty dir &&
      chmod 555 dir/empty`,
      folder,
    );
    if (io === "uring") await shell("cd \"$1/a\" && echo 2 > $'caf\\xe9' && echo 3 > $'caf\\xea'", folder);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io],
    };
    assertStatuses(await copyTree(options), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf(io));
  });
});

testEngines("modes are right whatever the umask, and set-id bits are not carried", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir a a/d && echo 1 > a/x && echo 2 > a/s && chmod 777 a/x a/d && chmod 6755 a/s',
      folder,
    );
    assertStatuses(
      await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        receive: ["--io", io],
        receiver: { before: "umask 077" },
      }),
      0,
    );
    assertEquals(await shell('cd "$1/b" && stat -c "%n %a" d s x', folder), "d 777\ns 755\nx 777\n");
  });
});

testEngines("a umask of 077 at both ends takes nothing from any mode", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" && cd "$1/a" && for mode in 000 200 400 444 555 600 640 644 664 666 700 711 755 775 777; do
        echo $mode > f$mode; chmod $mode f$mode; mkdir d$mode; echo $mode > d$mode/file; chmod $mode d$mode/file d$mode
      done && head -c 5000000 /dev/urandom > large && chmod 666 large`,
      folder,
    );
    const strict = { before: "umask 077" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: strict, receiver: strict };
    assertStatuses(await copyTree({ ...options, send: ["--io", io], receive: ["--io", io] }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
}, { root: true });

/** `text` holds one byte in each character. */
function isUtf8(text: string): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    return true;
  } catch {
    return false;
  }
}
