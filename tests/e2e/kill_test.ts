/** kill -9 of either process, anywhere: nothing that was not verified is under a final name, and the same command mends it. */
import { assert, assertEquals } from "@std/assert";
import { inParallel } from "../helpers/in_parallel.ts";
import { Proxy } from "../helpers/proxy.ts";
import { randomFrom, testSeed } from "../helpers/random.ts";
import {
  assertStatuses,
  type CopyOptions,
  copyTree,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { differencesOf, isUnfinished, recordTree, type TreeRecord } from "../helpers/tree_record.ts";

interface KillOptions extends CopyOptions {
  source: string;
  /** What the source has. */
  wanted: Map<string, TreeRecord>;
  victim: "sender" | "receiver";
}

/** Points of one test; `kill_points_test.ts` has more, of copies onto an older state. */
const killsOfEach = 8;
/** Pairs of processes at a time. */
const pairsMax = 4;
const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };
/** Points that a uniform choice would hardly meet, as parts of all that goes by: handshakes, scan, plan; placement, receipt. */
const edges = [0, 0.000_02, 0.000_1, 0.001, 0.003, 0.999, 0.999_9, 0.999_99];

for (const victim of ["sender", "receiver"] as const) {
  Deno.test(`the ${victim} is killed at ${killsOfEach} points of a copy into a new destination`, async () => {
    const seed = testSeed();
    const random = randomFrom(seed);
    await withFolder(async (folder) => {
      await makeSource(`${folder}/source`);
      const receive = ["--patience", "0s"];
      const wanted = await recordTree(`${folder}/source`);
      const whole = { source: `${folder}/source`, target: `${folder}/whole`, wanted, victim, receive };
      const all = (await copyAndKill(whole, Infinity)).bytes;
      let kills = 0;
      const points = Array.from({ length: killsOfEach }, (_, i) => Math.floor(all * (edges[i] ?? random())));
      await inParallel(points, { atATime: pairsMax }, async (point, i) => {
        const options = { ...whole, target: `${folder}/target-${i}` };
        try {
          if (await killAndMend(options, point)) kills++;
        } catch (cause) {
          const message = cause instanceof Error ? cause.message : String(cause);
          throw new Error(`RCOPY_TEST_SEED=${seed}, killed after ${point} of ${all} bytes: ${message}`, {
            cause,
          });
        }
      });
      // A point close to the end may not be reached when fewer messages go by.
      assert(kills >= killsOfEach - 3, `only ${kills} of ${killsOfEach} kills hit a process`);
    });
  });
}

testEngines("a receiver that is killed leaves the old file whole", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir a b && head -c 24000000 /dev/urandom > a/file && echo old > b/file',
      folder,
    );
    const before = await recordTree(`${folder}/b`);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--patience", "0s"],
      receive: ["--io", io],
    };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const halfWay = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total < 10_000_000) return;
        proxy.hold();
        halfWay.resolve();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    await halfWay.promise;
    receiver.kill("SIGKILL");
    await receiver.end();
    proxy.cut();
    assertEquals((await recordTree(`${folder}/b`)).get("file"), before.get("file"));
    assertEquals((await sender.end()).status, 4);
  });
});

async function makeSource(root: string): Promise<void> {
  await Deno.mkdir(root);
  makeSmallTree(root, { directories: 12, filesPerDirectory: 12, sizeOf: (r) => Math.floor(r * 12_000) });
  await shell(
    'cd "$1" && head -c 5000000 /dev/urandom > large && head -c 4194305 /dev/urandom > d0/large',
    root,
  );
}

/** Returns whether the kill hit a process that still ran. */
async function killAndMend(options: KillOptions, point: number): Promise<boolean> {
  const { killed } = await copyAndKill(options, point);
  if (options.victim === "sender") assertStatuses(await copyTree(options), 0);
  const left = await recordTree(options.target);
  assertEquals(differencesOf(options.wanted, left, comparison), []);
  return killed;
}

/**
 * Copies through a proxy that kills one end once so many bytes have gone by. A sender whose receiver was killed serves
 * another one. Returns all that went by.
 */
async function copyAndKill(
  options: KillOptions,
  point: number,
): Promise<{ bytes: number; killed: boolean }> {
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  await using proxy = new Proxy(address, {
    onChunk: async (_, __, total) => {
      if (total < point) return;
      const victim = options.victim === "sender" ? sender : receiver;
      victim.kill("SIGKILL");
      await victim.end();
    },
  });
  await using receiver = startReceiver(options, proxy.address);
  const survivor = options.victim === "sender" ? receiver : sender;
  if (point === Infinity) {
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
    return { bytes: proxy.bytes, killed: false };
  }
  const { status: victimStatus } = await (options.victim === "sender" ? sender : receiver).end();
  proxy.cut();
  if (options.victim === "sender") {
    const { status, stderr } = await survivor.end();
    assert(status === 4 || status === 0, `the receiver ended with ${status}: ${stderr}`);
  }
  await assertWhole(options);
  if (options.victim === "receiver") {
    await using second = startReceiver(options, address);
    const [sent, received] = await Promise.all([sender.end(), second.end()]);
    assertEquals(sent.status, 0, sent.stderr);
    // A sender that had its receipt already has ended, and nobody answers the second receiver.
    assert(received.status === 0 || received.status === 4, received.stderr);
  }
  return { bytes: proxy.bytes, killed: victimStatus === 137 };
}

/** Each file and link under a final name is what the source has. */
async function assertWhole({ wanted, target }: KillOptions): Promise<void> {
  await Deno.mkdir(target, { recursive: true });
  for (const [path, found] of await recordTree(target)) {
    if (/(^|\/)\.rcopy-/.test(path) || isUnfinished(`${target}/${path}`)) continue;
    const { kind, hash, link } = wanted.get(path) ?? {};
    assertEquals([found.kind, found.hash, found.link], [kind, hash, link], path);
  }
}
