/** Copies by stand-ins for peers: what counts as a copy, and when its clock starts. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PeerContender } from "./contender.ts";
import { runOnce, whyNoIsolation } from "./contender_run.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";

const places = { sshPort: 1, keyFile: "", sshOptions: "", ssh: "", rsyncPort: 1 };

/** Runs a stand-in with a source of one file. */
async function copyBy(script: string, more: Partial<PeerContender> = {}) {
  const contender = { name: "stand-in", needs: [], script: () => script, ...more };
  let seconds = 0;
  await withFolder(async (folder) => {
    await shell('mkdir "$1/source" "$1/targets" && echo one > "$1/source/file"', folder);
    const servers = { places, pidsOf: () => [] };
    const source = `${folder}/source`;
    const options = { folder, place: "ram" as const, servers, source, bytes: 4, entries: 2, cold: false };
    seconds = (await runOnce(contender, options)).seconds;
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["source", "targets"]);
  });
  return seconds;
}

const needs = { programs: ["timeout", "diff"] };

testWhere(needs, "a copy of a peer is compared, wherever in the target it keeps it", async () => {
  await copyBy('cp "$1/file" "$2/file"');
  await copyBy('cp -r "$1" "$2"', { keepsName: true });
  await assertRejects(() => copyBy('cp -r "$1" "$2"'), Error, "its copy differs: Only in");
  await assertRejects(() => copyBy("true", { keepsName: true }), Error, "its copy differs");
  await assertRejects(() => copyBy('echo two > "$2/file"'), Error, "its copy differs");
});

testWhere(
  needs,
  "a peer that fails says its status and its complaint, before its sender listens too",
  async () => {
    await assertRejects(() => copyBy("echo 'no room' >&2; exit 3"), Error, "it ended with 3: no room");
    const failing = "echo 'no port' >&2; exit 4";
    await assertRejects(() => copyBy(failing, { senderListens: true }), Error, "it ended with 4: no port");
  },
);

testWhere(needs, "the clock of a peer whose sender listens starts when it says so", async () => {
  await withFolder(async (folder) => {
    const stamp = `date +%s%N > '${folder}/ready'`;
    const script = `cp "$1/file" "$2/file"; sleep 0.5; ${stamp}; echo ready`;
    const seconds = await copyBy(script, { senderListens: true });
    const sinceReady = Date.now() / 1000 - Number(await Deno.readTextFile(`${folder}/ready`)) / 1e9;
    assert(
      seconds <= sinceReady,
      `the clock ran for ${seconds} s, and the sender was ready ${sinceReady} s ago`,
    );
  });
});

const why = whyNoIsolation();
const isolated = "a peer that must not reach the network has nothing but loopback, and no name service";

Deno.test({
  name: why === undefined ? isolated : `${isolated} (skipped: ${why})`,
  ignore: why !== undefined,
  fn: async () => {
    const script = '[ "$(ip -o link | wc -l)" = 1 ] && ip -o link show up | grep -q LOOPBACK && ' +
      '[ -z "$(ls -A /run)" ] && cp "$1/file" "$2/file"';
    await copyBy(script, { isolated: true });
    await assertRejects(
      () => copyBy('ls -A /run | grep -q . && cp "$1/file" "$2/file"', { isolated: true }),
      Error,
    );
  },
});
