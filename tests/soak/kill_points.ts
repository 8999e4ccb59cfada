/**
 * Copies that are disturbed at many points, and completed by the same command: `deno task soak:kill [--points N] [--seed N]
 * [--io ENGINE] [--only DISTURBANCE]`. Fails where anything under a final name is not whole, where the next run does not leave equal trees,
 * or where more travelled again than was in flight. Needs root.
 */
import { parseArgs } from "node:util";
import { formatDuration } from "../../src/base/units.ts";
import {
  bytesOfCopy,
  disturbAndComplete,
  type DisturbedTrees,
  killPoint,
  makeDisturbedTrees,
  showKillPoint,
} from "../helpers/disturbed_copy.ts";
import { inParallel } from "../helpers/in_parallel.ts";
import { QuietNetworks, whyNoQuietNetwork } from "../helpers/quiet_network.ts";
import { randomFrom, testSeed } from "../helpers/random.ts";
import { withFolder, withTmpfs } from "../helpers/test_folder.ts";

const { values } = parseArgs({
  options: {
    points: { type: "string", default: "200" },
    seed: { type: "string" },
    io: { type: "string" },
    only: { type: "string" },
  },
});
const points = Number(values.points);
const seed = values.seed === undefined ? testSeed() : Number(values.seed);
/** Copies side by side: they wait much of their time. */
const atATime = 2 + navigator.hardwareConcurrency;

const why = whyNoQuietNetwork();
if (why !== undefined) throw new Error(`soak:kill: ${why}`);
console.log(`soak: ${points} points, --seed ${seed}`);
const began = performance.now();
const failures: string[] = [];
let reached = 0;
await withFolder(async (folder) => {
  const trees = await makeDisturbedTrees(folder);
  await using networks = new QuietNetworks();
  const all = await networks.use((network) => bytesOfCopy(trees, network));
  console.log(`soak: an undisturbed copy sends ${all} bytes`);
  await inParallel(
    Array.from({ length: points }),
    { atATime },
    (_, number) => tryPoint(trees, { networks, number, all }),
  );
});
console.log(
  `soak: ${points} points in ${
    formatDuration(performance.now() - began)
  }, ${reached} reached, ${failures.length} failed`,
);
if (failures.length > 0) throw new Error(`--seed ${seed}: ${failures.length} points failed`);
if (reached < points * 0.8) throw new Error(`only ${reached} of ${points} points were reached`);

async function tryPoint(
  trees: DisturbedTrees,
  { networks, number, all }: { networks: QuietNetworks; number: number; all: number },
): Promise<void> {
  // Each has a generator of its own: they run side by side.
  const point = killPoint(randomFrom(seed + number), number, points);
  if (values.io !== undefined) point.io = values.io === "deno" ? "deno" : "uring";
  if (values.only !== undefined && !point.disturbance.startsWith(values.only)) return void reached++;
  const target = `${trees.folder}/target-${number}`;
  try {
    await withTmpfs(target, "size=120m", () =>
      networks.use(async (network) => {
        const it = await disturbAndComplete(trees, network, { point, target, all });
        if (it.wasReached) reached++;
        const again = ((it.bytes / all - 1) * 100).toFixed(1);
        console.log(
          `${number}: ${showKillPoint(point)}: ${again} % again${it.wasReached ? "" : ", not reached"}`,
        );
      }));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    failures.push(`${number}: ${showKillPoint(point)}: ${message}`);
    console.log(`FAILED ${failures.at(-1)}`);
  }
}
