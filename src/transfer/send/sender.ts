/**
 * The sending side of one session. The mirror image is `receive/receiver.ts`.
 *  1. scan     batches, within the credit, to control
 *  2. plan     what is wanted of each batch becomes jobs
 *  3. lanes    read, hash, write (`send/lane.ts`)
 *  4. settle   what the receiver placed goes into counts and tree hash, what it holds is remembered
 *  5. receipt  compared with what this side counted; the answer is the last message
 */
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { assert, RcopyError } from "../../base/errors.ts";
import { showPeerText } from "../../base/show.ts";
import { Codec } from "../../codec/codec.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { errorCodeOf, wireCodeOf } from "../../wire/codes.ts";
import type { Hello } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { Wants } from "../../wire/manifest.ts";
import type { Message } from "../../wire/message.ts";
import type { Failure, Receipt } from "../../wire/settlement.ts";
import { creditBytesMax } from "../../wire/limits.ts";
import type { Control } from "../session/control.ts";
import { EntryHasher } from "../../codec/entry_hash.ts";
import { errorOfClose, type SessionEnd, SessionTasks } from "../session/tasks.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "../session/events.ts";
import { FailureReports } from "./failures.ts";
import { Heartbeat } from "../session/heartbeat.ts";
import { oneEntryBytesMax, SendBatch, SendState } from "../source/batch.ts";
import { Outcome } from "../session/outcome.ts";
import { PathPrefixes } from "../../entry/path_prefixes.ts";
import { Scan } from "../source/scan.ts";
import type { LargeSource } from "../source/large_file.ts";
import { ScanPace } from "../source/scan_pace.ts";
import { SendLane, standingMs } from "./lane.ts";
import { fileWork, type LaneHost, type LaneSupply, type SessionLoad, tellSupply } from "../supply/host.ts";
import type { SendIo } from "../lane/lane_io.ts";
import { type RemoteReceiveIo, RemoteSendIo } from "../thread/remote_io.ts";
import { LocalSendIo } from "../lane/local_send_io.ts";
import { ResendRequests } from "./resend_requests.ts";
import { SendPlan } from "./plan.ts";
import { SentTree } from "./unsettled.ts";
import { admitMessage, type MessageTo, type SessionState } from "../session/states.ts";
import type { SourceRoots } from "../source/roots.ts";
import type { SourceDirectory } from "../source/directory.ts";
import { StageAccount } from "../session/stage_account.ts";

/** Message bytes of a batch, and entries of the first one: small, so that content follows at once; it doubles. */
const batchBytes = 64 * 1024;
const firstBatchEntries = 64;
const laterBatchEntriesMax = 2048;

export interface SenderOptions {
  control: Control;
  /** What the receiver said of itself. */
  peer: Hello;
  engine: Engine;
  roots: SourceRoots;
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
  /** Whether a directory is the receiver's destination. */
  isDestination: (device: number, inode: bigint) => boolean;
}

export class Sender implements LaneHost {
  readonly role = "sender";
  /** Who brings it data connections beside those that it gets at first. */
  supply: LaneSupply | undefined;
  readonly #options: SenderOptions;
  readonly #control: Control;
  /** For entry hashes and the hashes of large files; each lane has one of its own. */
  readonly #codec = Codec.open({ arenaBytes: 0 });
  /** Large files that are being sent, by `entryKey`. */
  readonly #large = new Map<number, LargeSource>();
  readonly #tree: SentTree;
  readonly #outcome: Outcome;
  readonly #prefixes = new PathPrefixes();
  readonly #hasher: EntryHasher;
  readonly #plan: SendPlan;
  readonly #account = new StageAccount();
  readonly #eventLoopYield = new EventLoopYield();
  /** Held until the end: the scan may be through with it, and Workers may still be given it. */
  readonly #root: SourceDirectory | undefined;
  readonly #tasks: SessionTasks;
  readonly #lanes = new Map<number, SendLane>();
  readonly #pace: ScanPace;
  #state: SessionState = "open";
  #credit: number;
  #creditGrew: (() => void) | undefined;
  #batches = 0;
  #entries = 0;
  #bytesListed = 0;
  #bytesWanted = 0;
  #bytesSent = 0;
  readonly #resends: ResendRequests;
  readonly #failures: FailureReports;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { listed, named } = options.roots;
    this.#root = listed ?? named[0]?.directory;
    this.#root?.hold();
    this.#control = options.control;
    this.#credit = options.peer.creditBytes;
    this.#outcome = new Outcome(options.emit);
    this.#tree = new SentTree(this.#outcome, this.#large);
    this.#failures = new FailureReports(this.#control, this.#outcome, this.#prefixes);
    this.#hasher = new EntryHasher(this.#codec);
    this.#plan = new SendPlan(options.engine, this.#codec, this.#large);
    this.#pace = new ScanPace(this.#plan, this.#lanes);
    this.#resends = new ResendRequests(this.#tree, this.#plan);
    this.#tasks = new SessionTasks(options.control, options.signal);
    this.#tasks.onLaneLost = (error) => this.#onLaneLost(error);
  }

  /** A data connection of this session; it is used from now on, and closed with the session. */
  addLane(number: number, channel: Channel): void {
    this.#addLaneIo(number, new LocalSendIo(channel, this.#options.engine, this.#account));
  }

  /** The same, moved by a Worker. */
  addRemoteLane(number: number, io: RemoteSendIo | RemoteReceiveIo): void {
    assert(io instanceof RemoteSendIo, "a sender's lane sends");
    io.account = this.#account;
    this.#addLaneIo(number, io);
  }

  #addLaneIo(number: number, io: SendIo): void {
    const { engine } = this.#options;
    const lane = new SendLane({
      io,
      engine,
      plan: this.#plan,
      hasher: this.#hasher,
      prefixes: this.#prefixes,
      account: this.#account,
      eventLoopYield: this.#eventLoopYield,
      onFailed: (batch, entry, error) => this.#failures.entryFailed(batch, entry, error),
      mayRest: () => this.#tasks.lanesAlive > 1,
      onSent: (bytes) => this.#bytesSent += bytes,
      onTurn: () => this.#pace.onLane(),
    });
    this.#lanes.set(number, lane);
    this.#tasks.startLane(io, () =>
      lane.run().finally(() => {
        this.#lanes.delete(number);
        this.#pace.onLane();
      }));
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  get root(): Directory | undefined {
    return this.#tasks.hasEnded ? undefined : this.#root?.handle;
  }

  get load(): SessionLoad {
    const { settled } = this.#outcome;
    return {
      workDone: this.#bytesSent + settled * fileWork,
      workLeft: this.#bytesWanted - this.#bytesSent + Math.max(0, this.#entries - settled) * fileWork,
      growing: this.#state === "open",
      ...this.#account.load,
      lanes: this.#tasks.lanesAlive,
      hasEnded: this.#tasks.hasEnded,
    };
  }

  send(message: LaneRequest | LaneOffer): void {
    if (!this.#tasks.hasEnded) this.#control.send(message);
  }

  #onLaneLost(error: RcopyError): void {
    const message = `${error.message}; its content goes over the ${this.#tasks.lanesAlive} others`;
    this.#options.emit({ type: "note", level: "info", message });
  }

  /** Once nothing else is left to send, what stands still on one connection is sent over another as well. */
  #handBackWhatStands(): void {
    if (!this.#plan.isIdle || this.#plan.waiting === 0 || this.#tasks.lanesAlive < 2) return;
    for (const { onTheWay } of this.#lanes.values()) {
      if (onTheWay.standsStill(standingMs)) this.#plan.handBack(onTheWay.handBack(standingMs));
    }
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  async run(): Promise<TransferSummary> {
    const { options, control } = { options: this.#options, control: this.#control };
    const heartbeat = new Heartbeat({
      timeoutMs: Math.min(options.timeoutMs, options.peer.timeoutMs),
      bytesReceived: () =>
        this.#tasks.lanes.reduce((sum, lane) => sum + lane.bytesRead, control.channel.bytesRead),
      ping: () => control.send({ kind: "ping" }),
      onTick: () => {
        this.#handBackWhatStands();
        options.emit({ type: "progress", progress: this.#progress() });
      },
      onTimeout: (error) => this.#tasks.fail(error),
    });
    this.#tasks.start(() =>
      control.readMessages((message) => !this.#tasks.hasEnded && this.#onMessage(message))
    );
    this.#tasks.start(() => this.#scan());
    const end = await this.#tasks.ended();
    heartbeat[Symbol.dispose]();
    this.supply?.end();
    this.#plan.end();
    this.#pace.end();
    for (const lane of this.#lanes.values()) lane.onTheWay.end();
    this.#creditGrew?.();
    await this.#tasks.close(end);
    this.#tree.release();
    this.#root?.release();
    this.#codec[Symbol.dispose]();
    if (end.error) throw end.error;
    options.emit({ type: "progress", progress: this.#progress() });
    options.emit({ type: "stages", stages: this.#account.times });
    return this.#summary();
  }

  // ---- 1. scan

  async #scan(): Promise<void> {
    const { engine, roots, isDestination, peer } = this.#options;
    using scan = new Scan(engine, roots, {
      onSkipped: (directory, name, error) => this.#failures.notListed(directory, name, error),
      isDestination,
    });
    for (let entries = firstBatchEntries;; entries = Math.min(entries * 2, laterBatchEntriesMax)) {
      const asked = performance.now();
      await this.#creditFor(oneEntryBytesMax);
      await this.#pace.turn();
      this.#account.wait("scan", asked);
      if (this.#tasks.hasEnded) return;
      const began = performance.now();
      const room = {
        bytes: Math.min(batchBytes, this.#credit),
        entries: Math.min(entries, peer.batchEntries),
      };
      const batch = new SendBatch(this.#batches, room);
      const more = scan.fill(batch);
      this.#account.book("scan", began);
      if (!batch.isEmpty) this.#announce(batch);
      if (!more) break;
      await this.#control.flushed();
      // Content is to follow at once, not when the credit for a large directory is used up.
      await this.#eventLoopYield.ifDue();
    }
    this.#control.send({
      kind: "manifestEnd",
      batches: this.#batches,
      entries: this.#entries,
      bytes: BigInt(this.#bytesListed),
    });
    this.#state = "listed";
  }

  async #creditFor(bytes: number): Promise<void> {
    while (this.#credit < bytes && !this.#tasks.hasEnded) {
      await new Promise<void>((resolve) => this.#creditGrew = resolve);
    }
  }

  #announce(batch: SendBatch): void {
    const began = performance.now();
    const message = batch.toMessage();
    this.#tree.announce(batch, this.#hasher, this.#prefixes, this.#codec);
    const encoding = this.#account.book("hash", began);
    this.#credit -= this.#control.send(message);
    this.#account.book("encode", encoding);
    assert(this.#credit >= 0, "a batch keeps within the credit");
    this.#batches++;
    this.#entries += batch.count;
    for (let i = 0; i < batch.count; i++) {
      this.#bytesListed += batch.columns.kinds[i] === 1 ? batch.columns.sizes[i]! : 0;
    }
    if (this.#options.peer.wantsAll) {
      batch.states.fill(SendState.wanted, 0, batch.count);
      this.#wanted(batch);
    }
  }

  // ---- 2. plan

  #wanted(batch: SendBatch): void {
    const { kinds, sizes } = batch.columns;
    for (let i = 0; i < batch.count; i++) {
      if (kinds[i] === 1 && batch.states[i] === SendState.wanted) this.#bytesWanted += sizes[i]!;
    }
    this.#plan.add(batch);
  }

  #onWants(message: Wants): void {
    const batch = this.#tree.batch(message.batch);
    if (batch.isPlanned || this.#options.peer.wantsAll) {
      throw new RcopyError("protocol", `the peer said twice what it wants of batch ${message.batch}`);
    }
    batch.isPlanned = true;
    for (let i = 0; i < batch.count; i++) {
      const wanted = message.all || ((message.bitmap[i >> 3] ?? 0) >> (i & 7) & 1) === 1;
      batch.states[i] = wanted ? SendState.wanted : SendState.unwanted;
    }
    this.#wanted(batch);
  }

  // ---- 4. settle

  /** Handles one message at once, without waiting for anything; false ends the reading. */
  #onMessage(message: Message): boolean {
    const { admitted, next } = admitMessage("sender", this.#state, message);
    this.#state = next;
    this.#onAdmitted(admitted);
    return !this.#tasks.hasEnded;
  }

  #onAdmitted(message: MessageTo<"sender">): void {
    switch (message.kind) {
      case "credit":
        return this.#onCredit(message.bytes);
      case "wants":
        return this.#onWants(message);
      case "failure":
        return this.#onFailure(message);
      case "resend":
        return this.#resends.onResend(message);
      case "laneRequest":
      case "laneOffer":
        return tellSupply(this.supply, message);
      case "framesTaken":
        return this.#lanes.get(message.lane)?.onTheWay.onTaken(message.frames);
      case "batchSettled":
        return this.#tree.settle(message);
      case "heldSettled":
        return this.#tree.settleHeld(message);
      case "receipt":
        return this.#tasks.end(this.#compare(message));
      case "ping":
        return;
      case "close":
        return this.#tasks.end({ error: errorOfClose(message) });
      default:
        message satisfies never;
    }
  }

  #onCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > creditBytesMax) {
      throw new RcopyError(
        "protocol",
        `the peer grants a credit of ${this.#credit} bytes, which is out of range`,
      );
    }
    this.#creditGrew?.();
  }

  #onFailure(message: Failure): void {
    if (message.place.of !== "entry") {
      throw new RcopyError("protocol", "a receiver reports failures by entry only");
    }
    const { batch, entry } = message.place;
    const path = this.#tree.pathOf(batch, entry, this.#prefixes);
    this.#outcome.report(path, errorCodeOf(message.code), showPeerText(message.text));
  }

  // ---- 5. receipt

  #compare(receipt: Receipt): SessionEnd {
    const why = this.#tree.whyDisagree(receipt);
    if (why === undefined) return { close: { kind: "close", code: 0, text: "" } };
    const error = new RcopyError(
      "integrity",
      `the two ends disagree about what was copied: ${why}; copy it again`,
    );
    return { error, close: { kind: "close", code: wireCodeOf.integrity, text: error.message } };
  }

  #summary(): TransferSummary {
    return this.#outcome.summary(
      "sender",
      [this.#control.channel, ...this.#tasks.lanes],
      this.#tree.hash.toString(),
    );
  }

  #progress(): ProgressSnapshot {
    return this.#outcome.progress("sender", {
      bytesDone: this.#bytesSent,
      bytesWanted: this.#bytesWanted,
      entriesTotal: this.#entries,
      growing: this.#state === "open",
      limitedBy: this.#account.bottleneck(),
    });
  }
}
