import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { TreeHash } from "../../codec/tree_hash.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import type { Receipt } from "../../wire/settlement.ts";
import { Outcome } from "../session/outcome.ts";
import { endOfReceipt, type SentCounts } from "./receipt.ts";

function counted(): SentCounts {
  const outcome = new Outcome("sender", () => {});
  Object.assign(outcome, { files: 1, directories: 2, links: 3, bytes: 4, skipped: 5, failed: 6, changed: 7 });
  const hash = new TreeHash();
  hash.add(new Uint8Array(16).fill(9));
  return { outcome, hash, unsettled: { batches: 0, entries: 0 } };
}

/** The receipt of a receiver that counted the same. */
function agreeing(): Receipt {
  const { hash } = counted();
  const sums = { treeCount: hash.count, treeSum: hash.sum, durable: false };
  const counts = { files: 1, directories: 2, links: 3, bytes: 4n, skipped: 5, failed: 6, changed: 7 };
  return { kind: "receipt", ...counts, grown: 0, replaced: 0, differing: 0, ...sums };
}

Deno.test("endOfReceipt() closes with 0 when both ends counted the same", () => {
  assertEquals(endOfReceipt(agreeing(), counted()), { close: { kind: "close", code: 0, text: "" } });
});

const differences: [Partial<Receipt>, why: string][] = [
  [{ files: 2 }, "2 files there, 1 here"],
  [{ directories: 0 }, "0 directories there, 2 here"],
  [{ links: 0 }, "0 links there, 3 here"],
  [{ bytes: 5n }, "5 bytes there, 4 here"],
  [{ skipped: 0 }, "0 skipped there, 5 here"],
  [{ failed: 0 }, "0 failed there, 6 here"],
  [{ changed: 0 }, "0 changed there, 7 here"],
  [{ treeCount: 2 }, "the tree hashes differ"],
  [{ treeSum: new Uint8Array(16) }, "the tree hashes differ"],
];
for (const [difference, why] of differences) {
  Deno.test(`endOfReceipt() is an integrity error on both ends: ${Object.keys(difference)} differ`, () => {
    const { error, close } = endOfReceipt({ ...agreeing(), ...difference }, counted());
    assertEquals(error?.code, "integrity");
    assertEquals(error?.message.includes(`: ${why}; `), true, error?.message);
    assertEquals([close?.code, close?.text], [wireCodeOf.integrity, error?.message]);
  });
}

Deno.test("endOfReceipt() takes the number of growing files from the receiver, and the status with it", () => {
  const sent = counted();
  Object.assign(sent.outcome, { failed: 0, changed: 0 });
  assertEquals(sent.outcome.exitStatus, 0);
  assertEquals(endOfReceipt({ ...agreeing(), failed: 0, changed: 0, grown: 8 }, sent).error, undefined);
  assertEquals([sent.outcome.grown, sent.outcome.exitStatus], [8, 24]);
});

Deno.test("endOfReceipt() takes the number of replaced entries from the receiver", () => {
  const sent = counted();
  assertEquals(endOfReceipt({ ...agreeing(), replaced: 3 }, sent).error, undefined);
  assertEquals(sent.outcome.replaced, 3);
});

Deno.test("endOfReceipt() takes what a dry run would copy from the receiver, unless that is more than there is", () => {
  const dry = () => {
    const outcome = new Outcome("sender", () => {}, { isDryRun: true });
    Object.assign(outcome, { skipped: 9, failed: 6, changed: 7 });
    return { ...counted(), outcome };
  };
  const sent = dry();
  const plan = { ...agreeing(), skipped: 9, replaced: 1, differing: 1, treeCount: 0 };
  assertEquals(endOfReceipt(plan, sent).error, undefined);
  const { files, directories, links, bytes, skipped, replaced, dryRun, differing } = sent.outcome.summary({
    wireBytes: 0,
    matchedBytes: 0,
  });
  assertEquals([files, directories, links, bytes, skipped, replaced], [1, 2, 3, 4, 3, 1]);
  assertEquals([dryRun, differing, sent.outcome.settled], [true, 1, 15]);
  assertEquals(endOfReceipt({ ...plan, files: 5 }, dry()).error?.code, "integrity");
  assertEquals(endOfReceipt({ ...plan, skipped: 8 }, dry()).error?.code, "integrity");
});

Deno.test("endOfReceipt() refuses a receipt while something is not settled", () => {
  for (const unsettled of [{ batches: 1, entries: 0 }, { batches: 0, entries: 1 }]) {
    const early = assertThrows(() => endOfReceipt(agreeing(), { ...counted(), unsettled }), RcopyError);
    assertEquals((early as RcopyError).code, "protocol");
  }
});
