import { assertEquals } from "@std/assert";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { RcopyError } from "../../base/errors.ts";
import { Lacks } from "../../io/contract/engine.ts";
import {
  type ReceiveParts,
  receiveParts,
  type ReceivePartsOptions,
} from "../../../tests/helpers/receive_parts.ts";
import { arrivedBatch, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { UnitsTaken } from "./units_taken.ts";
import { ReceiptWriter } from "./receipt.ts";

interface Place extends ReceiveParts {
  receipt: ReceiptWriter;
  taken: UnitsTaken;
  folder: EngineFolder;
  /** Everything that must have happened before a receipt. */
  settle: () => void;
}

async function withReceipt(
  { faults = [], ...options }: Pick<ReceivePartsOptions, "durable" | "consent"> & {
    faults?: Fault[];
    lacks?: number;
  },
  body: (place: Place) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const { durable = false, lacks = Lacks.nothing } = options;
    using parts = receiveParts(folder, options);
    const taken = new UnitsTaken(parts.run.control);
    const receipt = new ReceiptWriter({ ...parts, taken, durable, lacksOfDestination: () => lacks });
    const settle = () => {
      parts.run.counts.batches = 1;
      parts.run.counts.entries = 1;
      parts.arrive(0, [[0, [{ name: "file", size: 3 }]]], [0]);
      const batch = parts.unsettled.find(0)!;
      parts.plan.make(batch);
      parts.awaited.onPlanned();
      parts.run.counts.growing = false;
      parts.unsettled.place(batch, 0, new Uint8Array(16).fill(5), 0);
    };
    await body({ ...parts, receipt, taken, folder, settle });
  }, faults);
}

Deno.test("ReceiptWriter counts a destination that lacks its mode, once", async () => {
  await withReceipt({ lacks: Lacks.mode }, async ({ receipt, heard, settle, run, placement }) => {
    placement.prepare();
    settle();
    receipt.sendIfDone();
    await heard();
    receipt.sendIfDone();
    assertEquals([run.outcome.lacking, run.outcome.lackingContent], [1, 0]);
  });
});

Deno.test("ReceiptWriter sends what was counted, once, when everything is settled and in place", async () => {
  await withReceipt({}, async ({ receipt, heard, settle, run, unsettled, taken, placement, folder }) => {
    placement.prepare();
    receipt.sendIfDone();
    settle();
    await heard();
    receipt.sendIfDone();
    receipt.sendIfDone();
    taken.count(0, 1);
    taken.tell(); // the sender takes no such message any more
    const messages = await heard();
    const { count, sum } = unsettled.hash;
    const counts = {
      files: 1,
      directories: 0,
      links: 0,
      bytes: 3n,
      skipped: 0,
      failed: 0,
      changed: 0,
      grown: 0,
      replaced: 0,
      differing: 0,
    };
    const receiptSent = {
      kind: "receipt",
      ...counts,
      treeCount: count,
      treeSum: sum,
      durable: false,
    } as const;
    assertEquals(messages, [receiptSent]);
    assertEquals([run.state, run.isFinishing, folder.names()], ["receipted", true, []]);
  });
});

const missing: [what: string, change: (place: Place) => void][] = [
  ["the manifest has ended", ({ run }) => void (run.counts.growing = true)],
  ["every batch is planned", ({ run }) => void run.counts.batches++],
  ["every batch is settled", ({ unsettled }) => unsettled.add(arrivedBatch(1, [[0, [{ name: "other" }]]]))],
  ["the destination is complete", ({ tree }) => void (tree.root.completed = false)],
];
for (const [what, change] of missing) {
  Deno.test(`ReceiptWriter sends nothing before ${what}`, async () => {
    await withReceipt({}, async (place) => {
      place.settle();
      await place.heard();
      change(place);
      place.receipt.sendIfDone();
      assertEquals([await place.heard(), place.run.isFinishing], [[], false]);
    });
  });
}

Deno.test("ReceiptWriter waits for the disk before a durable receipt", async () => {
  await withReceipt({ durable: true }, async ({ receipt, heard, settle, folder }) => {
    settle();
    receipt.sendIfDone();
    const messages = await heard();
    const last = messages.at(-1)!;
    assertEquals([last.kind, last.kind === "receipt" && last.durable], ["receipt", true]);
    assertEquals(folder.calls.syncFileSystem, 1);
  });
});

Deno.test("ReceiptWriter sends no receipt when the disk fails", async () => {
  const error = new RcopyError("io", "says the test");
  await withReceipt(
    { durable: true, faults: [{ method: "syncFileSystem", call: 1, error }] },
    async ({ receipt, heard, settle, run }) => {
      settle();
      receipt.sendIfDone();
      assertEquals((await run.tasks.ended()).error, error);
      assertEquals((await heard()).some(({ kind }) => kind === "receipt"), false);
    },
  );
});

Deno.test("ReceiptWriter asks about what was put off first, once, and ends the session for another", async () => {
  const asked: string[] = [];
  const ask = (question: string) => (asked.push(question), Promise.resolve(true));
  await withReceipt(
    { consent: { answers: {}, ask } },
    async ({ receipt, heard, settle, run, questions, tree }) => {
      settle();
      await heard();
      questions.may("replace", tree.root, new TextEncoder().encode("other"));
      receipt.sendIfDone();
      receipt.sendIfDone();
      assertEquals((await run.tasks.ended()).error?.code, "again");
      assertEquals([asked.length, (await heard()).map(({ kind }) => kind)], [1, ["waiting"]]);
    },
  );
});

Deno.test("ReceiptWriter sends nothing after the session has ended", async () => {
  await withReceipt({}, async ({ receipt, heard, settle, run }) => {
    settle();
    await heard();
    run.tasks.end({});
    receipt.sendIfDone();
    assertEquals(await heard(), []);
  });
});
