/** Several data connections: in the main threads, in threads of their own, and under what may keep those from starting. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, makeOddTree, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary } from "../helpers/tree_record.ts";

/** Connections that the receiver's debug notes tell of, beside the first. */
function lanesOf(stderr: string): { own: number; main: number } {
  const count = (pattern: RegExp) => stderr.match(pattern)?.length ?? 0;
  return {
    own: count(/data connection \d+ runs in a thread of its own/g),
    main: count(/data connection \d+ runs in the main thread/g),
  };
}

testEngines("a tree of odd entries and large files arrives over four connections", async (io) => {
  await withFolder(async (folder) => {
    const canary = await Canary.plant(`${folder}/canary`);
    const source = `${folder}/source`;
    await makeOddTree(source, { utf8Only: io === "deno" });
    Deno.mkdirSync(`${source}/more`);
    makeSmallTree(`${source}/more`, { directories: 8, filesPerDirectory: 15, sizeOf: (r) => r ** 40 * 2e7 });
    const { sent, received } = await copyTree({
      source,
      target: `${folder}/target`,
      send: ["--io", io, "--log-level", "debug"],
      receive: ["--io", io, "--streams", "4", "--log-level", "debug"],
    });
    assertStatuses({ sent, received }, 0);
    await assertEqualTrees(source, `${folder}/target`, comparisonOf(io));
    await canary.assertUntouched();
    const { own, main } = lanesOf(received.stderr);
    assertEquals(own + main, 3, received.stderr);
    assert(navigator.hardwareConcurrency === 1 || own > 0, received.stderr);
  });
}, { root: true, programs: ["python3"] });

for (
  const [limit, send, receive, lanes] of [
    ["the sender's", "2", "8", 1],
    ["the receiver's", "8", "3", 2],
    ["one", "1", "8", 0],
  ] as const
) {
  Deno.test(`the smaller limit of both ends wins: ${limit}`, async () => {
    await withFolder(async (folder) => {
      Deno.mkdirSync(`${folder}/source`);
      makeSmallTree(`${folder}/source`, { directories: 3, filesPerDirectory: 20, sizeOf: (r) => r * 3e6 });
      const { sent, received } = await copyTree({
        source: `${folder}/source`,
        target: `${folder}/target`,
        send: ["--streams", send],
        receive: ["--streams", receive, "--log-level", "debug"],
      });
      assertStatuses({ sent, received }, 0);
      const { own, main } = lanesOf(received.stderr);
      assertEquals(own + main, lanes, received.stderr);
      await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf());
    });
  });
}

testEngines("32 connections under 256 descriptors: threads as far as they go", async (io) => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/source`);
    makeSmallTree(`${folder}/source`, {
      directories: 12,
      filesPerDirectory: 10,
      sizeOf: (r) => r ** 20 * 1e7,
    });
    const end = ["--io", io, "--streams", "32"];
    const limits = { before: "ulimit -n 256" };
    assertStatuses(
      await copyTree({
        source: `${folder}/source`,
        target: `${folder}/target`,
        send: end,
        receive: end,
        sender: limits,
        receiver: limits,
      }),
      0,
    );
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, { turn: 1 });

testEngines("with 64 descriptors there is one connection, and the copy goes on over it", async (io) => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/source`);
    makeSmallTree(`${folder}/source`, {
      directories: 10,
      filesPerDirectory: 8,
      sizeOf: (r) => r ** 12 * 3e6,
    });
    const { sent, received } = await copyTree({
      source: `${folder}/source`,
      target: `${folder}/target`,
      send: ["--io", io],
      receive: ["--io", io, "--streams", "2", "--log-level", "debug"],
      receiver: { before: "ulimit -n 64" },
    });
    assertStatuses({ sent, received }, 0);
    assertMatch(received.stderr, /no further data connection: the limit on open files is low/);
    assertEquals(lanesOf(received.stderr), { own: 0, main: 0 }, received.stderr);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, { turn: 0 });

Deno.test("without permission to read the program's own files no thread is started, and nobody is asked", async () => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/source`);
    Deno.mkdirSync(`${folder}/target`);
    makeSmallTree(`${folder}/source`, { directories: 3, filesPerDirectory: 20, sizeOf: (r) => r * 3e6 });
    const { sent, received } = await copyTree({
      source: `${folder}/source`,
      target: `${folder}/target`,
      receive: ["--streams", "3", "--log-level", "debug"],
      receiver: {
        permissions: ["--no-prompt", "--allow-net", `--allow-read=${folder}`, `--allow-write=${folder}`],
      },
    });
    assertEquals(sent.status, received.status);
    // With one processor nobody asks for a thread.
    if (navigator.hardwareConcurrency > 1) {
      assertMatch(received.stderr, /no further thread for data connections: Deno was not given --allow-read/);
    }
    assertEquals(lanesOf(received.stderr), { own: 0, main: 2 }, received.stderr);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, {
      ...comparisonOf("deno"),
      without: (path) => path.endsWith("link"),
    });
  });
});
