/** One number for an entry of a batch. */
import { RcopyError } from "../../base/errors.ts";
import { batchEntriesMax } from "../../wire/limits.ts";

/** Unique over all batches of a session. @throws {RcopyError} `protocol` for an entry that no batch can have */
export function entryKey(batch: number, entry: number): number {
  if (entry >= batchEntriesMax) {
    throw new RcopyError("protocol", `the peer names entry ${entry}, which no batch can have`);
  }
  return batch * batchEntriesMax + entry;
}
