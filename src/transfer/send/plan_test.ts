import { assert, assertEquals } from "@std/assert";
import { bundleFilesMax, extentBytes } from "../../wire/limits.ts";
import {
  bytesOf,
  entryOf,
  inFolder,
  scannedBatch,
  type SendParts,
  sendParts,
  textOf,
} from "../../../tests/helpers/transfer_parts.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { SendBatch, SendState } from "../source/batch.ts";
import { SourceDirectory } from "../source/directory.ts";
import type { SendJob, SendPlan } from "./plan.ts";

/** Files of a bundle by name, or the number of an extent. */
function shown(job: SendJob | undefined): string {
  if (!job) return "nothing";
  if (job.of === "extent") return `extent ${job.index}`;
  return job.entries.map((entry) => textOf(job.batch.columns.name(entry))).toSorted().join(" ");
}

function allOf(plan: SendPlan, directoriesMax = Infinity): string[] {
  const jobs: string[] = [];
  for (let job = plan.next(directoriesMax); job; job = plan.next(directoriesMax)) jobs.push(shown(job));
  return jobs;
}

interface Place extends SendParts {
  batch: SendBatch;
  engine: Engine;
  path: string;
}

/** Runs `body` with a plan of everything in a folder of these files. */
async function withPlan(
  sizes: Record<string, number>,
  body: (plan: SendPlan, place: Place) => unknown,
): Promise<void> {
  await inFolder(async ({ engine, path, write }) => {
    for (const [name, size] of Object.entries(sizes)) {
      write(name);
      Deno.truncateSync(`${path}/${name}`, size);
    }
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    await body(parts.plan, { ...parts, batch, engine, path });
    for (const source of parts.large.values()) source[Symbol.dispose]();
    batch.release();
  });
}

Deno.test("SendPlan gathers small files into bundles, and leaves out what is not wanted", async () => {
  await withPlan({ a: 10, b: 20, "d/c": 30, e: 0 }, (plan, { batch }) => {
    batch.states[entryOf(batch, "b")] = SendState.unwanted;
    plan.add(batch);
    assertEquals([plan.isIdle, plan.backlog], [false, 1]);
    assertEquals(allOf(plan), ["a c e"]);
    assertEquals([plan.isIdle, plan.backlog], [true, 0]);
  });
});

Deno.test("SendPlan fills a bundle with a megabyte, and sends a larger file alone", async () => {
  const kib = 1024;
  await withPlan({ "1": 700 * kib, "2": 700 * kib, "3": extentBytes, "4": 300 * kib }, (plan, { batch }) => {
    plan.add(batch);
    const bytes = { "1": 700, "2": 700, "3": extentBytes / kib, "4": 300 };
    const jobs = allOf(plan);
    assertEquals(jobs.join(" ").split(" ").toSorted(), ["1", "2", "3", "4"]);
    for (const job of jobs) {
      const files = job.split(" ") as (keyof typeof bytes)[];
      assert(files.length === 1 || files.reduce((sum, file) => sum + bytes[file], 0) <= 1024, job);
    }
  });
});

Deno.test("SendPlan takes no more files into a bundle than a frame may have, nor directories than may be lent", async () => {
  await withPlan({}, (plan, { engine, path }) => {
    const directory = new SourceDirectory(engine, engine.openRoot(path), { number: 0 });
    const columns = new EntryColumns(1);
    const stat = {
      mode: 0o644,
      special: 0,
      mtimeSeconds: 0,
      mtimeNanos: 0,
      device: 0,
      inode: 0n,
      ctimeNs: 0n,
    };
    columns.append(bytesOf("file"), { kind: EntryKind.file, size: 1, ...stat });
    const batch = new SendBatch(1, { bytes: 1_000_000, entries: bundleFilesMax + 10 });
    while (batch.fits(4, 0)) batch.add(directory, { listed: columns, index: 0 });
    batch.states.fill(SendState.wanted);
    plan.add(batch);
    assertEquals(allOf(plan).map((job) => job.split(" ").length), [bundleFilesMax, 10]);
    batch.release();
    directory.release();
  });
  await withPlan({ "a/1": 1, "a/2": 1, "b/3": 1, "c/4": 1 }, (plan, { batch }) => {
    plan.add(batch);
    const jobs = allOf(plan, 1);
    assertEquals(jobs.toSorted(), ["1 2", "3", "4"]);
  });
});

Deno.test("SendPlan gives the extents of large files in turn with bundles", async () => {
  await withPlan({ large: 2 * extentBytes + 1, small: 5 }, (plan, { batch, large }) => {
    plan.add(batch);
    assertEquals([...large.keys()], [entryOf(batch, "large")]);
    assertEquals(allOf(plan), ["extent 0", "small", "extent 1", "extent 2"]);
  });
});

Deno.test("SendPlan gives no further extent of a file that has failed", async () => {
  await withPlan({ large: 3 * extentBytes }, (plan, { batch, large }) => {
    plan.add(batch);
    assertEquals(shown(plan.next(1)), "extent 0");
    large.values().next().value!.fail(new Error("says the test"));
    assertEquals([allOf(plan), plan.isIdle], [[], true]);
  });
});

Deno.test("SendPlan gives what must be sent again before everything else, unless it is settled", async () => {
  await withPlan({ a: 1, large: extentBytes + 1 }, (plan, { batch, large }) => {
    plan.add(batch);
    const jobs = [plan.next(1)!, plan.next(1)!];
    plan.handBack(jobs);
    assertEquals(allOf(plan), [...jobs.map(shown), "extent 1"]);
    large.values().next().value![Symbol.dispose]();
    plan.handBack(jobs);
    assertEquals(allOf(plan), ["a"]);
    batch.release();
    plan.handBack(jobs);
    assertEquals(allOf(plan), []);
  });
});

Deno.test("SendPlan lets lanes wait until there is a job, or until the end", async () => {
  await withPlan({ a: 1 }, async (plan, { batch }) => {
    const waits = [plan.wait(), plan.wait()];
    assertEquals(plan.waiting, 2);
    plan.add(batch);
    assertEquals([await Promise.all(waits), plan.waiting, await plan.wait()], [[true, true], 0, true]);
    allOf(plan);
    const last = plan.wait();
    plan.end();
    assertEquals([await last, await plan.wait()], [false, false]);
  });
});
