/**
 * Files above the extent grid on the receiver's side, from what comes of them first until they are settled.
 *
 * A file is placed when every extent is there, the sender has said that it found the file unchanged, and the file hash that it
 * says is the one of what was written here. The sender says so on control before the last frame of the extent that it read last:
 * where the extents are there first, a ping tells a mark that is on its way from one that was never made.
 */
import { formatBytes } from "../../base/units.ts";
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { FileVerified } from "../../wire/data.ts";
import { extentBytes, largeFilesMax } from "../../wire/limits.ts";
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import type { Control } from "../session/control.ts";
import { PeerQuestion } from "../session/peer_question.ts";
import { entryKey } from "../session/entry_key.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { asEntryError } from "../target/errors.ts";
import { LargeTarget, type Leftover } from "../target/large_file.ts";
import type { FoundPart } from "../target/part.ts";
import type { Placement } from "../target/placement.ts";
import type { HeldTarget } from "../target/tree.ts";
import type { ReceiveBasis } from "./basis.ts";
import { KeptFiles } from "./kept_files.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

export interface LargeFilesOptions {
  engine: Engine;
  /** Of the session. */
  codec: Codec;
  placement: Placement;
  unsettled: ReceiveUnsettled;
  /** Number of batches announced so far. */
  announced: () => number;
  /** Asks the sender for an answer on control; all that it wrote there before has been handled by then. */
  ask: (onAnswer: () => void) => void;
  /** Milliseconds that the answer may take; `onSilence` is called where it takes longer. */
  timeoutMs: number;
  onSilence: (error: RcopyError) => void;
  /** Runs a part of the session, which waits for it before it ends. */
  start: (work: () => Promise<void>) => void;
  control: Control;
  eventLoopYield: EventLoopYield;
  /** So many bytes of a file are there from an earlier run. */
  onKept: (bytes: number) => void;
  /** The content of what is there is compared. */
  check: boolean;
  basis: ReceiveBasis;
}

/** Between two times that the disk is waited for: a copy that takes less never waits. */
const syncMs = 5_000;

export class LargeFiles {
  readonly #options: LargeFilesOptions;
  /** Files whose first extent has come, by {@linkcode entryKey}. */
  readonly #targets = new Map<number, LargeTarget>();
  /** Whole files without a mark, of which the question that is out says nothing. */
  #unmarked: LargeTarget[] = [];
  readonly #question: PeerQuestion;
  readonly #kept: KeptFiles;
  #syncedAt: number | undefined;
  #isSyncing = false;
  /** Files that failed or were interrupted, and the bytes of them that are there for a later run. */
  readonly #left = { files: 0, bytes: 0 };

  constructor(options: LargeFilesOptions) {
    this.#options = options;
    this.#kept = new KeptFiles({ ...options, resume: (held) => this.#resume(held) });
    this.#question = new PeerQuestion({
      ...options,
      why: "the peer sent all of a file, does not vouch for it",
    });
  }

  /** A file of which something has come or is kept, and which is not settled. */
  get(batch: number, entry: number): LargeTarget | undefined {
    return this.#targets.get(entryKey(batch, entry));
  }

  /** The file that content is of. @throws {RcopyError} `protocol` where the sender was to wait with it */
  ofContent(batch: number, entry: number): LargeTarget | undefined {
    if (this.#kept.isAwaited(batch, entry)) throw unawaited(batch, entry);
    return this.get(batch, entry);
  }

  /**
   * The first extent of a file has come: the file is created. `undefined` if it failed, now or before.
   * @throws {RcopyError} `protocol` where the entry is no large file, or is not wanted
   */
  begin(batch: ReceiveBatch, entry: number): LargeTarget | undefined {
    checkIsLarge(batch, entry);
    const state = batch.states[entry];
    if (state === EntryState.skipped || state === EntryState.announced) throw unwanted(batch.number, entry);
    if (state !== EntryState.wanted) return undefined;
    const { unsettled } = this.#options;
    const target = this.beginHeld(unsettled.hold(batch, entry));
    if (target) {
      target.verifiedHash = batch.verifiedEarly.get(entry);
      target.held.hasGrown = batch.grown.has(entry);
    }
    unsettled.settleIfDone(batch);
    return target;
  }

  /** Creates a file that is held already. `undefined` if that failed. @throws {RcopyError} `protocol` for too many at a time */
  beginHeld(held: HeldTarget): LargeTarget | undefined {
    if (this.#targets.size >= largeFilesMax) {
      throw new RcopyError(
        "protocol",
        `the peer has begun more than ${largeFilesMax} large files, and finished none`,
      );
    }
    const { engine, codec, placement, unsettled } = this.#options;
    try {
      const target = LargeTarget.create({ engine, codec, placement, held });
      this.#targets.set(entryKey(held.batch, held.entry), target);
      return target;
    } catch (thrown) {
      unsettled.failHeld(held, asEntryError(thrown, held.directory));
      return undefined;
    }
  }

  /** Opens what an earlier run left of a file, or begins it anew; `undefined` where that failed. */
  #resume(held: HeldTarget): { target: LargeTarget; found: FoundPart | undefined } | undefined {
    const { engine, codec, placement, unsettled } = this.#options;
    try {
      const resumed = LargeTarget.resume({ engine, codec, placement, held });
      this.#targets.set(entryKey(held.batch, held.entry), resumed.target);
      return resumed;
    } catch (thrown) {
      unsettled.failHeld(held, asEntryError(thrown, held.directory));
      return undefined;
    }
  }

  /**
   * The sender has compared what is kept of a file, and has another one: it is begun anew. False where nothing is kept of it.
   * @throws {RcopyError} `protocol` where the sender has sent something of it
   */
  beginAnew(batch: number, entry: number): boolean {
    const target = this.ofContent(batch, entry);
    if (!target || target.keptBytes === 0) return false;
    if (target.verifiedHash || target.bytesThere > target.keptBytes) {
      throw unexpected(batch, entry, "and then compared what was there");
    }
    const { held } = target;
    target.abandon("removed", () => {
      this.#targets.delete(entryKey(batch, entry));
      const anew = this.beginHeld(held);
      if (anew) this.#kept.tellNothing(anew);
      else this.#kept.settled(held);
    });
    return true;
  }

  /** The sender vouches for a file. @throws {RcopyError} `protocol` for a file of which it cannot, or has already */
  onVerified({ batch: number, entry, hash, grown = false }: FileVerified): void {
    const target = this.ofContent(number, entry);
    if (target) {
      if (target.verifiedHash) throw saidTwice(number, entry);
      target.verifiedHash = hash;
      target.held.hasGrown = grown;
      this.finishIfWhole(target);
      return;
    }
    const batch = this.#options.unsettled.find(number);
    if (!batch) {
      // The batch is settled, so the file has failed: its verification changes nothing.
      if (number < this.#options.announced()) return;
      throw new RcopyError(
        "protocol",
        `the peer vouches for a file of batch ${number}, which it never announced`,
      );
    }
    checkIsLarge(batch, entry);
    const state = batch.states[entry];
    if (state === EntryState.skipped) throw unwanted(number, entry);
    if (state !== EntryState.announced && state !== EntryState.wanted) return;
    if (batch.verifiedEarly.has(entry)) throw saidTwice(number, entry);
    batch.verifiedEarly.set(entry, hash);
    if (grown) batch.grown.add(entry);
  }

  /** A batch has been planned. @throws {RcopyError} `protocol` where the sender vouched for a file that is not wanted */
  onPlanned(batch: ReceiveBatch): void {
    for (const entry of batch.verifiedEarly.keys()) {
      if (batch.states[entry] === EntryState.skipped) throw unwanted(batch.number, entry);
    }
    for (const { entry } of batch.kept) {
      if (batch.verifiedEarly.has(entry)) throw unawaited(batch.number, entry);
    }
  }

  /** The sender knows which files of a batch it is to hold. */
  onToldWants(batch: ReceiveBatch): void {
    this.#kept.add(batch.kept);
  }

  /** The sender holds a file until it is told what is there of it. */
  tell(held: HeldTarget): void {
    this.#kept.add([held]);
  }

  /** Some times a second. */
  onTick(): void {
    this.#kept.lookForRoom();
    this.#options.basis.onTick(this.#targetsUnderWay());
    if (this.#targets.size === 0 || this.#isSyncing) return;
    const now = performance.now();
    this.#syncedAt ??= now;
    if (now - this.#syncedAt < syncMs) return;
    this.#isSyncing = true;
    this.#options.start(async () => {
      for (const target of [...this.#targets.values()]) await target.syncWritten();
      this.#syncedAt = performance.now();
      this.#isSyncing = false;
    });
  }

  /** Files of which the sender may send what is missing. */
  *#targetsUnderWay(): Iterable<LargeTarget> {
    for (const target of this.#targets.values()) {
      if (!this.#kept.isAwaited(target.held.batch, target.held.entry)) yield target;
    }
  }

  /** Places a file of which every extent is there, or lets it fail. */
  finishIfWhole(target: LargeTarget): void {
    if (!target.isWhole) return;
    if (!target.verifiedHash) return this.#awaitMark(target);
    // What is here is not what the sender has, and nothing tells which part of it: the next run begins anew.
    if (!target.isAsVerified) return this.#fail(target, notAsRead(), "removed");
    this.#targets.delete(entryKey(target.held.batch, target.held.entry));
    if (target.mustBeSynced) this.#options.start(() => this.#syncAndPlace(target));
    else this.#place(target);
  }

  async #syncAndPlace(target: LargeTarget): Promise<void> {
    try {
      await target.sync();
    } catch (thrown) {
      return this.#options.unsettled.failHeld(target.held, asEntryError(thrown, target.held.directory));
    }
    this.#place(target);
  }

  #place(target: LargeTarget): void {
    const { unsettled, placement } = this.#options;
    try {
      unsettled.placeHeld(target.held, target.finish());
    } catch (thrown) {
      const { held } = target;
      const error = asEntryError(thrown, held.directory);
      const isThere = error.code === "exists" && placement.isThereAlready(held.directory, held.name, held);
      if (isThere) unsettled.keepHeld(held);
      else unsettled.failHeld(held, error);
    }
    this.#kept.settled(target.held);
  }

  /** Leaves what has been written for a later run, and settles the file as failed then. */
  fail(target: LargeTarget, error: RcopyError): void {
    this.#fail(target, error, "left");
  }

  #fail(target: LargeTarget, error: RcopyError, leftover: Leftover): void {
    target.abandon(leftover, (isLeft) => {
      this.#giveUp(target, isLeft);
      this.#options.unsettled.failHeld(target.held, error);
      this.#kept.settled(target.held);
    });
  }

  /** The sender has given a file up. */
  failAtSource(target: LargeTarget, error: RcopyError): void {
    target.abandon("left", (isLeft) => {
      this.#giveUp(target, isLeft);
      this.#options.unsettled.failHeldAtSource(target.held, error);
      this.#kept.settled(target.held);
    });
  }

  #giveUp(target: LargeTarget, isLeft: boolean): void {
    this.#targets.delete(entryKey(target.held.batch, target.held.entry));
    if (isLeft) this.#noteLeft(target);
  }

  #noteLeft(target: LargeTarget): void {
    this.#left.files++;
    this.#left.bytes += target.bytesThere;
  }

  /** Nothing more is done for the sender. */
  end(): void {
    this.#question.end();
    this.#kept.end();
    this.#options.basis.end();
  }

  /** The session has ended: leaves what is not whole for a later run. @returns what is left in all */
  leaveAll(): { files: number; bytes: number } {
    for (const target of this.#targets.values()) if (target.leave()) this.#noteLeft(target);
    this.#targets.clear();
    return this.#left;
  }

  #awaitMark(target: LargeTarget): void {
    this.#unmarked.push(target);
    if (!this.#question.isOut) this.#ask();
  }

  /** One question at a time; files that become whole while it is out are in the next one. */
  #ask(): void {
    const asked = this.#unmarked;
    this.#unmarked = [];
    this.#question.ask(() => {
      for (const { held, isEnded, verifiedHash } of asked) {
        if (isEnded || verifiedHash) continue;
        const which = `entry ${held.entry} of batch ${held.batch}`;
        throw new RcopyError("protocol", `the peer sent all of ${which} and does not vouch for it`);
      }
      if (this.#unmarked.length > 0) this.#ask();
    });
  }
}

function checkIsLarge(batch: ReceiveBatch, entry: number): void {
  if (entry >= batch.count) throw unexpected(batch.number, entry, "which it does not have");
  if (batch.kind(entry) !== EntryKind.file || batch.size(entry) <= extentBytes) {
    throw unexpected(batch.number, entry, "which is no large file");
  }
}

function unwanted(batch: number, entry: number): RcopyError {
  return unexpected(batch, entry, "which is not wanted");
}

function unawaited(batch: number, entry: number): RcopyError {
  return unexpected(batch, entry, "of which it was not yet told what is kept");
}

function saidTwice(batch: number, entry: number): RcopyError {
  return new RcopyError("protocol", `the peer vouches twice for entry ${entry} of batch ${batch}`);
}

/** Data, or a word about it, of an entry that can have none. */
export function unexpected(batch: number, entry: number, why: string): RcopyError {
  return new RcopyError("protocol", `the peer sent data of entry ${entry} of batch ${batch}, ${why}`);
}

function notAsRead(): RcopyError {
  return new RcopyError(
    "corrupt",
    "the hash of the whole file is not the one that the sender read; check memory of both machines, and copy it again",
  );
}

/** What is left of large files that are not complete, for a person. After an `error` that is a loss the copy itself may go on. */
export function leftSentence(
  { files, bytes }: { files: number; bytes: number },
  error: RcopyError | undefined,
): string | undefined {
  if (files === 0) return undefined;
  const what = files === 1 ? "an unfinished file" : `${files} unfinished files`;
  const isLost = error?.code === "peer-lost" || error?.code === "timeout";
  const who = isLost ? "this copy, or else the next one of the same tree," : "the next copy of the same tree";
  return `${
    formatBytes(bytes)
  } of ${what} stay in the destination: ${who} goes on with them, and rcopy receive --clean ` +
    "removes them";
}
