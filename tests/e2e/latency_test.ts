/**
 * Copies over a slow path: a program between two network namespaces delays every byte, and nothing can pass
 * beside it.
 */
import { assert } from "@std/assert";
import { DelayedPath } from "../helpers/delayed_path.ts";
import { whyNoNamespaces } from "../helpers/namespaces.ts";
import { assertStatuses } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, shell, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const why = whyNoNamespaces();
const mebibyte = 1024 * 1024;

/** A test with a path of its own and a folder with `source` and `target` to come. */
function latencyTest(
  name: string,
  delayMs: number,
  body: (path: DelayedPath, folder: string) => Promise<void>,
  whyNotHere: string | undefined = undefined,
): void {
  const reason = why ?? whyNotHere;
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    fn: () =>
      withFolder(async (folder) => {
        await using path = await DelayedPath.open({ delayMs, windowBytes: mebibyte });
        await body(path, folder);
      }),
  });
}

/** The value of a field of the last event that has it. */
function lastField(json: string, field: string): number {
  const matches = [...json.matchAll(new RegExp(`"${field}":(\\d+)`, "g"))];
  assert(matches.length > 0, `there is "${field}" in ${json.slice(-500)}`);
  return Number(matches.at(-1)![1]);
}

async function makeTree(root: string): Promise<void> {
  await Deno.mkdir(root);
  makeSmallTree(root, {
    directories: 6,
    filesPerDirectory: 20,
    sizeOf: (random) => Math.floor(random * 30_000),
  });
  await shell('head -c "$2" /dev/urandom > "$1/large"', root, `${6 * mebibyte + 5}`);
}

for (const delayMs of [20, 50, 100]) {
  latencyTest(
    `a tree arrives whole over ${delayMs} ms each way, and the path carried every byte`,
    delayMs,
    async (path, folder) => {
      const [source, target] = [`${folder}/source`, `${folder}/target`];
      await makeTree(source);
      const outcome = await path.copy(source, target, { receive: ["--json"] });
      assertStatuses(outcome, 0);
      await assertEqualTrees(source, target, comparisonOf());
      const { connections } = await path.close();
      const carried = connections.reduce((sum, { toTarget, toDialer }) => sum + toTarget + toDialer, 0);
      const counted = lastField(outcome.received.stdout, "wireBytes");
      // A data connection that opens when all is done says who it is, and nobody counts it any more.
      const uncounted = carried - counted;
      assert(
        uncounted >= 0 && uncounted <= 256 * (connections.length - 2),
        `${carried} bytes carried on ${connections.length} connections, and ${counted} counted`,
      );
      const content = Number(
        await shell("find \"$1\" -type f -printf '%s\\n' | awk '{s+=$1} END {print s}'", source),
      );
      assert(carried > content, `${carried} bytes carried, and ${content} of content`);
    },
  );
}

latencyTest("between the namespaces there is no way beside the program", 20, async (path) => {
  const { sender, besideSender } = path.namespaces.addresses;
  for (const address of [sender, besideSender]) {
    const [command, ...args] = [
      ...path.namespaces.within("receiver"),
      ...["bash", "-c", 'exec 3<>"/dev/tcp/$1/3120"', "-", address],
    ];
    const { success, stderr } = await new Deno.Command(command!, { args, env: { LC_ALL: "C" } }).output();
    assert(!success, `${address} answered`);
    assert(/unreachable/.test(new TextDecoder().decode(stderr)), new TextDecoder().decode(stderr));
  }
});

latencyTest("2,000 small files do not cost a round trip each", 50, async (path, folder) => {
  const [source, target] = [`${folder}/source`, `${folder}/target`];
  const [files, directories] = [2000, 200];
  for (let d = 0; d < directories; d++) {
    await Deno.mkdir(`${source}/d${d}`, { recursive: true });
    for (let f = 0; f < files / directories; f++) {
      await Deno.writeTextFile(`${source}/d${d}/f${f}`, `content ${d} ${f}`);
    }
  }
  assertStatuses(await path.copy(source, target), 0);
  await assertEqualTrees(source, target, comparisonOf());
  const { roundTrips } = await path.close();
  assert(roundTrips >= 2, `${roundTrips} round trips, so the chains were not counted`);
  // Few where nothing waits, one a directory would be 200, one a file 2,000.
  assert(roundTrips < files / 40, `${roundTrips} round trips for ${files} files`);
});

const help = why === undefined
  ? await shell(
    '"$1" run -A "$2" receive --help',
    Deno.execPath(),
    new URL("../../src/main.ts", import.meta.url).pathname,
  )
  : "";
const whyNoStreams = help.includes("--streams") ? undefined : "rcopy receive takes no --streams";

latencyTest("with --streams 4, four data connections carry content", 50, async (path, folder) => {
  const [source, target] = [`${folder}/source`, `${folder}/target`];
  await Deno.mkdir(source);
  // More than goes by until the last connection is open, however long a busy machine takes to open it.
  await shell('truncate -s 4G "$1/large"', source);
  const { sender, receiver } = await path.start(source, target, { receive: ["--streams", "4"] });
  await using _sender = sender;
  await using _receiver = receiver;
  for (let lanes = 0; lanes < 4;) {
    const { connections } = await path.carried();
    lanes = connections.filter(({ toDialer }) => toDialer > mebibyte).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}, whyNoStreams);
