/**
 * The sending side of one session. The mirror image is `receive/receiver.ts`.
 *  1. announce  batches of the scan, within the credit, to control (`send/announcer.ts`)
 *  2. plan      what is wanted of each batch becomes jobs (`send/plan.ts`)
 *  3. lanes     read, hash, write (`send/lane.ts`)
 *  4. settle    what the receiver placed goes into counts and tree hash (`send/unsettled.ts`)
 *  5. receipt   compared with what this side counted; the answer is the last message (`send/receipt.ts`)
 */
import { RcopyError } from "../../base/errors.ts";
import { showPeerText } from "../../base/show.ts";
import { Codec } from "../../codec/codec.ts";
import { EntryHasher } from "../../codec/entry_hash.ts";
import { PathPrefixes } from "../../entry/path_prefixes.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { errorCodeOf } from "../../wire/codes.ts";
import type { Destination } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { Wants } from "../../wire/manifest.ts";
import type { Kept } from "../../wire/data.ts";
import type { Failure, Receipt } from "../../wire/settlement.ts";
import type { ContentCache, DataConnection } from "../lane/lane_io.ts";
import type { TransferSummary } from "../session/events.ts";
import {
  type LaneSupply,
  type SessionLoad,
  SessionRun,
  type SessionRunOptions,
} from "../session/session_run.ts";
import type { SideMessage } from "../session/states.ts";
import { errorOfClose } from "../../meet/farewell.ts";
import type { SendBatch } from "../source/batch.ts";
import type { SourceDirectory } from "../source/directory.ts";
import type { LargeSource } from "../source/large_file.ts";
import { closeSources, renameSource, sourceAt, type SourceRoots } from "../source/roots.ts";
import { ScanPace } from "../source/scan_pace.ts";
import type { LaneHost } from "../supply/host.ts";
import { Announcer } from "./announcer.ts";
import { SendBasis } from "./basis.ts";
import { SendComparison } from "./comparison.ts";
import { SendFailures } from "./failures.ts";
import { stallMsOf, takenOf, type UnitsOnTheWay } from "./units_on_the_way.ts";
import { SendLane } from "./lane.ts";
import { SendLargeFiles } from "./large_files.ts";
import { SendPlan } from "./plan.ts";
import { endOfReceipt } from "./receipt.ts";
import { ResendRequests } from "./resend_requests.ts";
import { SendUnsettled } from "./unsettled.ts";

export interface SenderOptions extends SessionRunOptions {
  engine: Engine;
  roots: SourceRoots;
  /** This end wishes that content is compared. */
  check: boolean;
  /** Whether a directory is the destination that the receiver tells of. */
  isDestination: (told: Destination, device: number, inode: bigint) => boolean;
  /** Content that was read before the receiver came. */
  cache?: ContentCache | undefined;
}

export class Sender implements LaneHost {
  readonly role = "sender";
  readonly #options: SenderOptions;
  readonly #run: SessionRun<"sender">;
  /** For entry hashes and the hashes of large files; each lane has one of its own. */
  readonly #codec = Codec.open({ arenaBytes: 0 });
  readonly #hasher = new EntryHasher(this.#codec);
  readonly #prefixes = new PathPrefixes();
  /** A reference is kept to the end: the scan may be through with it, and Workers may still be lent it. */
  readonly #root: SourceDirectory | undefined;
  readonly #unsettled: SendUnsettled;
  readonly #plan: SendPlan;
  readonly #lanes = new Map<number, SendLane>();
  /** Of every lane so far, those that were lost among them. */
  readonly #onTheWay = new Map<number, UnitsOnTheWay>();
  readonly #pace: ScanPace;
  readonly #failures: SendFailures;
  readonly #resends: ResendRequests;
  readonly #large: SendLargeFiles;
  readonly #comparison: SendComparison;
  readonly #basis: SendBasis;
  readonly #announcer: Announcer;
  /** What the receiver has said of its destination; nothing is announced before. */
  #destination: Destination | undefined;
  #isAsked = false;
  #firstPings = 10;
  readonly #told = Promise.withResolvers<void>();

  constructor(options: SenderOptions) {
    const { engine, roots, peer } = options;
    this.#options = options;
    const run = this.#run = new SessionRun("sender", options);
    this.#root = roots.listed ?? roots.named[0]?.directory;
    this.#root?.retain();
    const large = new Map<number, LargeSource>();
    this.#unsettled = new SendUnsettled({
      outcome: run.outcome,
      codec: this.#codec,
      hasher: this.#hasher,
      prefixes: this.#prefixes,
      large,
    });
    this.#plan = new SendPlan(engine, this.#codec, large);
    this.#pace = new ScanPace(this.#plan, this.#lanes);
    this.#failures = new SendFailures(run.control, run.outcome, this.#prefixes);
    this.#resends = new ResendRequests(this.#unsettled, this.#plan);
    this.#large = new SendLargeFiles({
      control: run.control,
      plan: this.#plan,
      unsettled: this.#unsettled,
      failures: this.#failures,
      hasher: this.#hasher,
      prefixes: this.#prefixes,
      onKept: (bytes) => run.counts.bytesKept += bytes,
      mustCompare: this.#mayCompare,
    });
    this.#comparison = new SendComparison({
      control: run.control,
      plan: this.#plan,
      unsettled: this.#unsettled,
      failures: this.#failures,
      large: this.#large,
      isDryRun: peer.dryRun,
      onEqual: (bytes) => run.counts.bytesKept += bytes,
    });
    this.#basis = new SendBasis(this.#unsettled, this.#plan);
    this.#announcer = new Announcer({
      run,
      engine,
      roots,
      peer,
      unsettled: this.#unsettled,
      failures: this.#failures,
      pace: this.#pace,
      isDestination: (device, inode) => this.#isDestination(device, inode),
      onAnnounced: (batch) => this.#onAnnounced(batch),
    });
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  run(): Promise<TransferSummary> {
    return this.#run.run({
      onMessage: (message) => this.#onMessage(message),
      work: () => this.#announce(),
      onTick: () => {
        this.#measureRoundTrip();
        this.#handBackStalled();
      },
      stopWaiting: () => {
        this.#told.resolve();
        this.#plan.end();
        this.#pace.end();
        for (const onTheWay of this.#onTheWay.values()) onTheWay.end();
        this.#announcer.end();
      },
      release: () => {
        this.#unsettled.release();
        if (!this.#destination) closeSources(this.#options.roots); // no scan was given them
        this.#root?.release();
        this.#codec[Symbol.dispose]();
      },
      treeHash: () => this.#unsettled.hash,
    });
  }

  async #announce(): Promise<void> {
    await this.#told.promise;
    if (this.#run.hasEnded || !this.#destination) return;
    await this.#announcer.announceAll();
  }

  #isDestination(device: number, inode: bigint): boolean {
    return this.#destination !== undefined && this.#options.isDestination(this.#destination, device, inode);
  }

  /** Whether the receiver has said where this lands: until then it can have copied nothing. */
  get hasBegun(): boolean {
    return this.#destination !== undefined;
  }

  // ---- data connections

  addLane(number: number, connection: DataConnection): void {
    const { account, eventLoopYield, counts, tasks } = this.#run;
    const io = connection.toSendIo({ engine: this.engine, account, cache: this.#options.cache });
    const lane: SendLane = new SendLane({
      io,
      plan: this.#plan,
      comparison: this.#comparison,
      hasher: this.#hasher,
      prefixes: this.#prefixes,
      account,
      eventLoopYield,
      onFailed: (batch, entry, error) => this.#failures.entryFailed(batch, entry, error),
      onVerified: (source) => this.#large.vouch(source),
      onGrown: (batch, entry, size) => this.#failures.grown(batch, entry, size),
      surroundings: {
        roundTripMs: () => this.#run.pings.roundTripMs,
        hasOthers: () => tasks.lanesAlive > 1,
      },
      mustLeaveToOthers: () => this.#mustLeaveToOthers(lane),
      onSent: (bytes) => counts.bytesDone += bytes,
      onMatched: (bytes) => counts.addMatched(bytes),
      onBusyChanged: () => this.#pace.onLaneChanged(),
    });
    this.#lanes.set(number, lane);
    this.#onTheWay.set(number, lane.onTheWay);
    tasks.startLane(io, () =>
      lane.run().finally(() => {
        this.#lanes.delete(number);
        lane.onTheWay.end();
        this.#lookAgain();
        this.#pace.onLaneChanged();
      }));
  }

  answersWithin(ms: number): Promise<boolean> {
    return this.#run.answersWithin(ms);
  }

  abandon(why: string): void {
    this.#run.abandon(why);
  }

  useSupply(supply: LaneSupply): void {
    this.#run.supply = supply;
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  get root(): Directory | undefined {
    return this.#run.hasEnded ? undefined : this.#root?.handle;
  }

  get load(): SessionLoad {
    return this.#run.load;
  }

  fail(error: RcopyError): void {
    this.#run.tasks.fail(error);
  }

  send(message: LaneRequest | LaneOffer): void {
    this.#run.sendAboutLanes(message);
  }

  /** Whether a lane is stalled and another is not: what is stalled is sent by others, and must not come back to it. */
  #mustLeaveToOthers({ onTheWay }: SendLane): boolean {
    const stallMs = stallMsOf(this.#onTheWay.values());
    if (!onTheWay.isStalled(stallMs)) return false;
    for (const other of this.#lanes.values()) if (!other.onTheWay.isStalled(stallMs)) return true;
    return false;
  }

  /** How far the receiver is says how much may be on the way to it. Of some pings at least one finds both ends at leisure. */
  #measureRoundTrip(): void {
    if (this.#firstPings === 0) return;
    this.#firstPings--;
    this.#run.pings.beat();
  }

  #lookAgain(): void {
    for (const { onTheWay } of this.#lanes.values()) onTheWay.lookAgain();
  }

  /** Once nothing else is left to send, the units that are stalled on one connection are sent over another as well. */
  #handBackStalled(): void {
    this.#lookAgain();
    const hasIdleLane = this.#plan.isIdle && this.#plan.waiting > 0;
    if (!hasIdleLane || this.#run.tasks.lanesAlive < 2) return;
    const stallMs = stallMsOf(this.#onTheWay.values());
    for (const { onTheWay } of this.#lanes.values()) {
      if (onTheWay.isStalled(stallMs)) this.#plan.handBack(onTheWay.handBack(stallMs));
    }
  }

  // ---- messages

  /** Handles one message at once, without waiting for anything. */
  #onMessage(message: SideMessage<"sender">): void {
    switch (message.kind) {
      case "destination":
        return this.#onDestination(message);
      case "waiting":
        return this.#onWaiting();
      case "credit":
        return this.#announcer.grant(message.bytes);
      case "wants":
        return this.#onWants(message);
      case "kept":
        return this.#onKept(message);
      case "blocks":
        return this.#basis.onBlocks(message);
      case "fileHashes":
        return this.#comparison.onFileHashes(message);
      case "failure":
        return this.#onFailure(message);
      case "resend":
        return this.#resends.onResend(message);
      case "laneRequest":
      case "laneOffer":
        return this.#run.onLaneMessage(message);
      case "taken":
        return takenOf(this.#onTheWay, message);
      case "batchSettled":
        return this.#unsettled.settle(message);
      case "heldSettled":
        return this.#unsettled.settleHeld(message);
      case "receipt":
        return this.#onReceipt(message);
      case "close":
        return this.#run.tasks.end({ error: errorOfClose(message) });
      default:
        message satisfies never;
    }
  }

  #onDestination(destination: Destination): void {
    const { engine, roots, peer } = this.#options;
    if (destination.wantsAll && peer.dryRun) {
      throw new RcopyError("protocol", "a receiver wants everything in a dry run");
    }
    if (destination.name.length > 0) renameSource(roots, destination.name);
    this.#destination = destination;
    const same = sourceAt(engine, roots, (device, inode) => this.#isDestination(device, inode));
    if (same) {
      throw new RcopyError("same-place", "DEST is the place that is being sent; name another one");
    }
    this.#told.resolve();
  }

  #onWaiting(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const message = "the receiver is asking a person there; the copy goes on with the answer";
    this.#options.emit({ type: "note", level: "info", message });
  }

  #onAnnounced(batch: SendBatch): void {
    const { wantsAll } = this.#destination!;
    if (!wantsAll && (!this.#options.peer.dryRun || this.#mayCompare)) return;
    batch.markAll(wantsAll);
    this.#run.counts.bytesWanted += batch.bytesWanted;
    this.#plan.add(batch);
  }

  #onWants(message: Wants): void {
    const batch = this.#unsettled.batch(message.batch);
    batch.markWanted(message, { isDryRun: this.#options.peer.dryRun, mayCompare: this.#mayCompare });
    this.#run.counts.bytesWanted += batch.bytesWanted;
    this.#plan.add(batch, message.kept);
  }

  get #mayCompare(): boolean {
    const { check, peer } = this.#options;
    return check || peer.check;
  }

  /** What the receiver has of a large file: from an interrupted run, or under its name, to be compared. */
  #onKept(message: Kept): void {
    const source = this.#unsettled.large(message.batch, message.entry);
    if (source?.comparison && !source.comparison.isTold) this.#comparison.onLargeHashes(source, message);
    else this.#large.onKept(message);
  }

  #onFailure(message: Failure): void {
    if (message.place.of !== "entry") {
      throw new RcopyError("protocol", "a receiver reports failures by entry only");
    }
    const { batch, entry } = message.place;
    const path = this.#unsettled.pathOf(batch, entry);
    this.#run.outcome.report(path, errorCodeOf(message.code), showPeerText(message.text));
  }

  #onReceipt(message: Receipt): void {
    const { outcome, tasks } = this.#run;
    const { hash, remaining } = this.#unsettled;
    tasks.end(endOfReceipt(message, { outcome, hash, unsettled: remaining }));
  }
}
