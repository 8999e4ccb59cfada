/**
 * Announces the tree to the receiver, batch by batch. The mirror image is `receive/intake.ts`.
 *  1. wait      for credit, and for the lanes, which share this thread
 *  2. fill      a batch from the scan
 *  3. hash      the entries that have no content to wait for
 *  4. send      the manifest of the batch; its bytes are taken off the credit
 */
import { assert, RcopyError } from "../../base/errors.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { creditBytesMax } from "../../wire/limits.ts";
import type { Hello } from "../../wire/hello.ts";
import type { SessionRun } from "../session/session_run.ts";
import { oneEntryBytesMax, SendBatch } from "../source/batch.ts";
import type { SourceRoots } from "../source/roots.ts";
import { Scan } from "../source/scan.ts";
import type { ScanPace } from "../source/scan_pace.ts";
import type { SendFailures } from "./failures.ts";
import type { SendUnsettled } from "./unsettled.ts";

/** Message bytes of a batch, and entries of the first one: small, so that content follows at once; it doubles. */
const batchBytes = 64 * 1024;
const firstBatchEntries = 64;
const laterBatchEntriesMax = 2048;

export interface AnnouncerOptions {
  run: SessionRun<"sender">;
  engine: Engine;
  roots: SourceRoots;
  /** The hello of the receiver: its first credit, its largest batch. */
  peer: Hello;
  unsettled: SendUnsettled;
  failures: SendFailures;
  pace: ScanPace;
  /** Whether a directory is the receiver's destination. */
  isDestination: (device: number, inode: bigint) => boolean;
  /** A batch has been sent; the answer of the receiver cannot have come yet. */
  onAnnounced: (batch: SendBatch) => void;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  #credit: number;
  #onCredit: (() => void) | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#credit = options.peer.creditBytes;
  }

  /** Announces the whole tree, unless the session ends before. @throws {RcopyError} `source-missing` … */
  async announceAll(): Promise<void> {
    const { run, engine, roots, isDestination, peer, failures } = this.#options;
    using scan = new Scan(engine, roots, {
      onSkipped: (directory, name, error) => failures.notListed(directory, name, error),
      isDestination,
    });
    for (let entries = firstBatchEntries;; entries = Math.min(entries * 2, laterBatchEntriesMax)) {
      await this.#turn();
      if (run.tasks.hasEnded) return;
      const began = performance.now();
      const room = {
        bytes: Math.min(batchBytes, this.#credit),
        entries: Math.min(entries, peer.batchEntries),
      };
      const batch = new SendBatch(run.counts.batches, room);
      const more = scan.fill(batch);
      run.account.book("scan", began);
      if (!batch.isEmpty) this.#announce(batch);
      if (!more) break;
      await run.control.flushed();
      // Content is to follow at once, not when the credit for a large directory is used up.
      await run.eventLoopYield.ifDue();
    }
    this.#sendEnd();
  }

  /** The receiver grants more credit. @throws {RcopyError} `protocol` where it would be more than anybody may grant */
  grant(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > creditBytesMax) {
      throw new RcopyError(
        "protocol",
        `the peer grants a credit of ${this.#credit} bytes, which is out of range`,
      );
    }
    this.#onCredit?.();
  }

  /** The session has ended: credit is not waited for any more. */
  end(): void {
    this.#onCredit?.();
  }

  /** Waits until there is credit for any entry, and the lanes have enough to do. */
  async #turn(): Promise<void> {
    const { run, pace } = this.#options;
    const asked = performance.now();
    while (this.#credit < oneEntryBytesMax && !run.tasks.hasEnded) {
      await new Promise<void>((resolve) => this.#onCredit = resolve);
    }
    await pace.turn();
    run.account.wait("scan", asked);
  }

  #announce(batch: SendBatch): void {
    const { run, unsettled, onAnnounced } = this.#options;
    const { account, counts, control } = run;
    const began = performance.now();
    const message = batch.toMessage();
    unsettled.add(batch);
    const encoding = account.book("hash", began);
    this.#credit -= control.send(message);
    account.book("encode", encoding);
    assert(this.#credit >= 0, "a batch keeps within the credit");
    counts.batches++;
    counts.entries += batch.count;
    counts.bytesListed += batch.bytesListed;
    onAnnounced(batch);
  }

  #sendEnd(): void {
    const { run } = this.#options;
    const { batches, entries, bytesListed } = run.counts;
    run.control.send({ kind: "manifestEnd", batches, entries, bytes: BigInt(bytesListed) });
    run.counts.growing = false;
    run.state = "listed";
  }
}
