/** The receipt of the receiver, compared with what this side counted. The mirror image is `receive/receipt.ts`. */
import { RcopyError } from "../../base/errors.ts";
import type { TreeHash } from "../../codec/tree_hash.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import type { Receipt } from "../../wire/settlement.ts";
import type { Outcome } from "../session/outcome.ts";
import type { SessionEnd } from "../session/tasks.ts";

/** Counts of this side: the entries that the receiver settled, and the number of those that it did not. */
export interface SentCounts {
  outcome: Outcome;
  hash: TreeHash;
  /** Batches and entries that were announced and never settled. */
  unsettled: { readonly batches: number; readonly entries: number };
}

/**
 * The end of the session: without an error, or with `integrity`, which the receiver is told too.
 * @throws {RcopyError} `protocol` for a receipt that comes before everything is settled
 */
export function endOfReceipt(receipt: Receipt, counted: SentCounts): SessionEnd {
  const { batches, entries } = counted.unsettled;
  if (batches > 0 || entries > 0) {
    throw new RcopyError(
      "protocol",
      `the peer sent its receipt while ${batches} batches and ${entries} held entries were not settled`,
    );
  }
  // Of a file that was sent twice the receiver alone knows which reading it took, and what stood in its place.
  const { grown, replaced, differing } = receipt;
  Object.assign(counted.outcome, { grown, replaced, differing });
  const why = counted.outcome.isDryRun ? takePlan(receipt, counted.outcome) : whyDisagree(receipt, counted);
  if (why === undefined) return { close: { kind: "close", code: 0, text: "" } };
  const error = new RcopyError(
    "integrity",
    `the two ends disagree about what was copied: ${why}; copy it again`,
  );
  return { error, close: { kind: "close", code: wireCodeOf.integrity, text: error.message } };
}

/** What would be copied the receiver alone knows: it found what is there. @returns why that cannot be, if so */
function takePlan(receipt: Receipt, outcome: Outcome): string | undefined {
  const { files, directories, links, bytes } = receipt;
  for (const count of ["skipped", "failed", "changed"] as const) {
    if (receipt[count] !== outcome[count]) return `${receipt[count]} ${count} there, ${outcome[count]} here`;
  }
  if (files + directories + links > receipt.skipped) return "it would copy more entries than there are";
  Object.assign(outcome, { files, directories, links, bytes: Number(bytes) });
  return undefined;
}

/** The first difference, or `undefined` where there is none. */
function whyDisagree(receipt: Receipt, { outcome, hash }: SentCounts): string | undefined {
  for (const count of ["files", "directories", "links", "skipped", "failed", "changed"] as const) {
    if (receipt[count] !== outcome[count]) return `${receipt[count]} ${count} there, ${outcome[count]} here`;
  }
  if (receipt.bytes !== BigInt(outcome.bytes)) return `${receipt.bytes} bytes there, ${outcome.bytes} here`;
  const { count, sum } = hash;
  const isSame = receipt.treeCount === count && receipt.treeSum.every((byte, i) => byte === sum[i]);
  return isSame ? undefined : "the tree hashes differ";
}
