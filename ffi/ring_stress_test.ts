/**
 * 100,000 operations in random batches over many rings: short reads, errors, chains, waits that others have
 * reaped in front of, rings disposed of with reads in flight. Every completion is compared with what must
 * come of it, and nothing may be left: no descriptor, no memory.
 */
import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { withSeed } from "../tests/helpers/random.ts";
import { makeFifo, ringTestName, whyNoRing } from "../tests/helpers/ring.ts";
import { contentAt, RingStress, sizes, type StressCounts } from "../tests/helpers/ring_stress.ts";

const operationsInAll = 100_000;
const ringsInAll = 40;
const memoryGrowthMaxBytes = 8 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** How often a ring is mapped into memory. */
function mappings(): number {
  return Deno.readTextFileSync("/proc/self/maps").split("anon_inode:[io_uring]").length - 1;
}

function memory(): number {
  for (let count = 0; count < 3; count += 1) collectGarbage();
  return Deno.memoryUsage().rss;
}

Deno.test({
  name: ringTestName(
    "100,000 random operations come to what they must, and leave no descriptor and no memory",
  ),
  ignore: whyNoRing !== undefined,
  fn: () =>
    withSeed(async (random, seed) => {
      const folder = await Deno.makeTempDir({ prefix: "rcopy-stress-" });
      const counts: StressCounts = {
        operations: 0,
        short: 0,
        errors: 0,
        overtaken: 0,
        woken: 0,
        written: 0,
        cancelled: 0,
      };
      try {
        sizes.forEach((size, file) => {
          const content = Uint8Array.from({ length: size }, (_, offset) => contentAt(file, offset));
          Deno.writeFileSync(`${folder}/file${file}`, content);
        });
        await makeFifo(`${folder}/fifo`);
        const [descriptorsBefore, mappingsBefore] = [descriptors(), mappings()];
        const started = performance.now();
        let memoryEarly = 0;
        for (let count = 1; count <= ringsInAll; count += 1) {
          {
            using stress = new RingStress(random, folder, counts);
            assert(mappings() > mappingsBefore, "a mapped ring can be seen");
            await stress.run(Math.floor((operationsInAll * count) / ringsInAll));
            await stress.close();
          }
          assertEquals(descriptors(), descriptorsBefore, `descriptors after ring ${count}`);
          assertEquals(mappings(), mappingsBefore, `mappings after ring ${count}`);
          if (count === ringsInAll / 5) memoryEarly = memory();
        }
        const grown = memory() - memoryEarly;
        const ms = Math.round(performance.now() - started);
        console.log(
          `seed ${seed}, ${ms} ms, ${JSON.stringify(counts)}, memory ${Math.round(grown / 1024)} KiB more`,
        );
        assert(grown < memoryGrowthMaxBytes, `memory grew by ${grown} bytes`);
        const { short, errors, overtaken, woken, written, cancelled } = counts;
        assert(counts.operations >= operationsInAll);
        assert(Math.min(short, errors, woken) > 1000, "each kind of outcome was met often");
        assert(overtaken > 100, "waits were overtaken");
        assert(cancelled >= 16 * ringsInAll, "rings were disposed of with reads in flight");
        assertEquals(woken, written, "every byte woke one read");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
});
