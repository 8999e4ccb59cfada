/**
 * One transfer, over all of its sessions: what the sessions that were lost have placed counts on, and progress never goes
 * backwards. A later session finds those entries at the destination and skips them; in the transfer they are copied.
 */
import { TreeHash } from "../../codec/tree_hash.ts";
import { nothingPlaced, type PlacedBefore } from "../../wire/hello.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "./events.ts";

/** The clock of a file system may be behind that of the program by one tick of the kernel. */
const clockStepMs = 10;

/** What one session has counted when it ends. */
export interface SessionResult {
  /** Files and links that it placed, the bytes of the files, and the hashes of both; at the receiver alone. */
  placed: Pick<PlacedBefore, "files" | "links" | "bytes" | "kept" | "sum">;
  /** Content bytes that came or were matched, also of files that were not completed; at the receiver alone. */
  received: number;
  /** Content bytes that did not travel, as an older version had them. */
  matched: number;
  /** Of what it placed, files and links without mode or time. */
  lacking: number;
  /** Entries that took the place of others. */
  replaced: number;
  wireBytes: number;
}

export class Transfer {
  /** Tells the transfers of one run apart. */
  readonly number: number;
  readonly #sinceNs: bigint = BigInt(Date.now() - clockStepMs) * 1_000_000n;
  readonly #began = performance.now();
  #placed: PlacedBefore = nothingPlaced;
  #received = 0;
  #matched = 0;
  #lacking = 0;
  #replaced = 0;
  #wireBytes = 0;
  #shown: ProgressSnapshot | undefined;
  #advancedTo = -1;

  constructor(number = 1) {
    this.number = number;
  }

  /** An event sink that adds the number of this transfer. */
  numbered(emit: EventSink): EventSink {
    return (event) => emit({ ...event, session: this.number });
  }

  /** What the sessions before have placed: the receiver says it when it comes back. */
  get placed(): PlacedBefore {
    return this.#placed;
  }

  /** Entries that took the place of others in the sessions before. */
  get replacedBefore(): number {
    return this.#replaced;
  }

  /** When the first of what was placed may have been made, in nanoseconds since 1970; `undefined` where nothing was placed. */
  get placedSinceNs(): bigint | undefined {
    const { files, links } = this.#placed;
    return files + links > 0 ? this.#sinceNs : undefined;
  }

  /** Takes the receiver's word, at the sender; or forgets what was placed, where the peer knows nothing of it. */
  resumeWith(placed: PlacedBefore): void {
    this.#placed = placed;
  }

  /** Counts a session that was lost. */
  onLost({ placed, received, matched, lacking, replaced, wireBytes }: SessionResult): void {
    this.#matched += matched;
    this.#replaced += replaced;
    this.#wireBytes += wireBytes;
    this.#received += received;
    this.#lacking += lacking;
    const sum = sumOf(this.#placed, placed);
    const bytes = this.#placed.bytes + placed.bytes;
    const kept = this.#keptWith(placed.kept);
    this.#placed = {
      files: this.#placed.files + placed.files,
      links: this.#placed.links + placed.links,
      bytes,
      kept,
      partial: Math.max(0, this.#received - (bytes - kept)),
      sum: sum.count === 0 ? nothingPlaced.sum : sum.sum,
    };
  }

  /** Bytes from an earlier run, where the last session found so many: what the sessions before have received is none of them. */
  #keptWith(found: number): number {
    const { kept, partial } = this.#placed;
    return kept + Math.max(0, found - partial);
  }

  /** Whether it got further than it had ever been when this was asked last. */
  hasAdvanced(): boolean {
    const { bytesDone = 0, entriesDone = 0 } = this.#shown ?? {};
    const reached = bytesDone + entriesDone;
    const before = this.#advancedTo;
    this.#advancedTo = reached;
    return reached > before;
  }

  /** Where the transfer is, from where its session is. */
  progress(at: Omit<ProgressSnapshot, "elapsedMs">): ProgressSnapshot {
    const { files, links, bytes, kept, partial } = this.#placed;
    const before = this.#shown;
    const own = bytes - kept + Math.min(partial, at.keptBytes);
    const bytesDone = Math.max(own + at.bytesDone, before?.bytesDone ?? 0);
    const keptBytes = Math.max(this.#keptWith(at.keptBytes), before?.keptBytes ?? 0);
    const entriesDone = Math.max(at.entriesDone, before?.entriesDone ?? 0);
    // While a later session scans again, the totals that were known are better than those that grow.
    const known = at.growing ? before : undefined;
    return this.#shown = {
      ...at,
      elapsedMs: Math.round(performance.now() - this.#began),
      bytesDone,
      keptBytes,
      entriesDone,
      bytesTotal: Math.max(bytes + at.bytesTotal, known?.bytesTotal ?? 0, bytesDone + keptBytes),
      entriesTotal: Math.max(at.entriesTotal, known?.entriesTotal ?? 0, entriesDone),
      growing: at.growing && before?.growing !== false,
      skipped: Math.max(0, at.skipped - files - links),
    };
  }

  /** The summary of the transfer, from that of its last session; `hash` is of what that session placed. */
  summary(last: Omit<TransferSummary, "elapsedMs" | "treeHash">, hash: TreeHash): TransferSummary {
    const { files, links, bytes, sum } = this.#placed;
    const all = new TreeHash();
    all.addSum(hash.count, hash.sum);
    if (files + links > 0) all.addSum(files + links, sum);
    return {
      ...last,
      files: last.files + files,
      links: last.links + links,
      bytes: last.bytes + bytes,
      keptBytes: this.#keptWith(last.keptBytes),
      matchedBytes: last.matchedBytes + this.#matched,
      lacking: last.lacking + this.#lacking,
      replaced: last.replaced + this.#replaced,
      compared: Math.max(0, last.compared - files),
      skipped: Math.max(0, last.skipped - files - links),
      wireBytes: last.wireBytes + this.#wireBytes,
      elapsedMs: Math.round(performance.now() - this.#began),
      ...last.dryRun ? {} : { treeHash: all.toString() },
    };
  }
}

function sumOf(...parts: Pick<PlacedBefore, "files" | "links" | "sum">[]): TreeHash {
  const sum = new TreeHash();
  for (const { files, links, sum: part } of parts) if (files + links > 0) sum.addSum(files + links, part);
  return sum;
}
