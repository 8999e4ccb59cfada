/** Everything that copies badly, compared by programs that share nothing with rcopy. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { comparisonOf, makeOddTree, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary, recordTree } from "../helpers/tree_record.ts";

const needs = { root: true, programs: ["python3"] };

testEngines("a tree of odd names, sizes, modes, times and links arrives as it is", async (io) => {
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
  });
}, needs);

testEngines("a second copy of the odd tree finds everything in place", async (io) => {
  await withFolder(async (folder) => {
    await makeOddTree(`${folder}/source`, { utf8Only: true });
    const options = { source: `${folder}/source`, target: `${folder}/target`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    const again = await copyTree({ ...options, receive: ["--io", io, "--json"] });
    assertStatuses(again, 0);
    const done = again.received.stdout.trim().split("\n").map((line) => JSON.parse(line))
      .find((event) => event.type === "done");
    assertEquals(done.summary.files, 0, "no file is sent twice");
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, needs);

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
    needs,
  );
}

/** `text` holds one byte in each character. */
function isUtf8(text: string): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    return true;
  } catch {
    return false;
  }
}
