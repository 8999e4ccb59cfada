/**
 * The receiving side of one session. The mirror image is `send/sender.ts`.
 *  5. receipt  counts and tree hash, when everything is settled and in place
 *  4. settle   batches and held entries, reported as they are done; credit goes back
 *  3. lanes    read, verify, place (`receive/lane.ts`)
 *  2. plan     what is missing of each batch (`receive/plan.ts`)
 *  1. batches  from control into a queue that the credit bounds
 */
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { assert, RcopyError } from "../../base/errors.ts";
import { BoundedQueue } from "../../base/bounded_queue.ts";
import { Codec } from "../../codec/codec.ts";
import { kindNames } from "../../entry/metadata.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import type { Hello } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { Manifest, ManifestEnd } from "../../wire/manifest.ts";
import type { Message } from "../../wire/message.ts";
import type { Control } from "../session/control.ts";
import { AwaitedBatches } from "./awaited_batches.ts";
import { EntryHasher } from "../../codec/entry_hash.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "../session/events.ts";
import { Heartbeat } from "../session/heartbeat.ts";
import type { LargeTarget } from "../target/large_file.ts";
import { Outcome } from "../session/outcome.ts";
import { PathPrefixes } from "../../entry/path_prefixes.ts";
import { Placement } from "../target/placement.ts";
import { type ExistsPolicy, Plan } from "./plan.ts";
import { EntryState, ReceiveBatch } from "../target/batch.ts";
import { fileWork, type LaneHost, type LaneSupply, type SessionLoad, tellSupply } from "../supply/host.ts";
import type { ReceiveIo } from "../lane/lane_io.ts";
import { RemoteReceiveIo, type RemoteSendIo } from "../thread/remote_io.ts";
import { LocalReceiveIo } from "../lane/local_receive_io.ts";
import { ReceiveLane } from "./lane.ts";
import { ReceivedTree } from "./unsettled.ts";
import { admitMessage, type MessageTo, type SessionState } from "../session/states.ts";
import { errorOfClose, SessionTasks } from "../session/tasks.ts";
import { SourceFailures } from "./failures.ts";
import { SpaceBudget } from "../target/space_budget.ts";
import { StageAccount } from "../session/stage_account.ts";
import { TakenFrames } from "./frames_taken.ts";
import { TargetTree } from "../target/tree.ts";

export interface ReceiverOptions {
  control: Control;
  /** What the sender said of itself. */
  peer: Hello;
  /** What this side granted and announced in its hello. */
  granted: { creditBytes: number; batchEntries: number; wantsAll: boolean };
  engine: Engine;
  /** The destination; it belongs to the caller. Absent only in a dry run. */
  destination: Directory | undefined;
  exists: ExistsPolicy;
  durable: boolean;
  dryRun: boolean;
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

export class Receiver implements LaneHost {
  readonly role = "receiver";
  /** Who brings it data connections beside those that it gets at first. */
  supply: LaneSupply | undefined;
  readonly #options: ReceiverOptions;
  readonly #control: Control;
  /** For entry hashes and the hashes of large files; each lane has one of its own. */
  readonly #codec = Codec.open({ arenaBytes: 0 });
  readonly #outcome: Outcome;
  readonly #prefixes = new PathPrefixes();
  readonly #tree: TargetTree;
  readonly #placement: Placement;
  readonly #received: ReceivedTree;
  readonly #plan: Plan;
  readonly #account = new StageAccount();
  readonly #eventLoopYield = new EventLoopYield();
  readonly #tasks: SessionTasks;
  readonly #taken: TakenFrames;
  readonly #arrived: BoundedQueue<ReceiveBatch>;
  readonly #large = new Map<number, LargeTarget>();
  readonly #resends = new Map<number, number>();
  readonly #failures: SourceFailures;
  readonly #awaited = new AwaitedBatches();
  #state: SessionState = "open";
  #credit: number;
  #batches = 0;
  #entries = 0;
  #bytesListed = 0;
  #bytesWanted = 0;
  #bytesPlaced = 0;
  #announcedEnd: ManifestEnd | undefined;
  #receiptSent = false;

  constructor(options: ReceiverOptions) {
    const { control, engine, destination, peer } = options;
    this.#options = options;
    this.#control = control;
    this.#credit = options.granted.creditBytes;
    // Every batch takes some credit, so that the credit bounds the queue.
    this.#arrived = new BoundedQueue(options.granted.creditBytes / 64);
    this.#outcome = new Outcome(options.emit);
    this.#tree = new TargetTree(destination, destination ? engine.identityOf(destination).device : 0);
    this.#placement = new Placement(engine, this.#tree, options);
    this.#received = new ReceivedTree({
      control,
      outcome: this.#outcome,
      codec: this.#codec,
      hasher: new EntryHasher(this.#codec),
      prefixes: this.#prefixes,
      onSettled: (directory) => this.#placement.completeFrom(directory, this.#received),
      onCredit: (bytes) => this.#credit += bytes,
      onAllSettled: () => this.#finishIfDone(),
    });
    this.#failures = new SourceFailures({
      outcome: this.#outcome,
      tree: this.#tree,
      received: this.#received,
      prefixes: this.#prefixes,
      large: this.#large,
    });
    this.#plan = new Plan({
      engine,
      tree: this.#tree,
      placement: this.#placement,
      received: this.#received,
      space: new SpaceBudget(
        destination ? engine.freeSpace(destination) : { bytes: undefined, inodes: undefined },
      ),
      dryRun: options.dryRun,
      onImagined: (directory, name, kind, size) =>
        options.emit({
          type: "planned",
          path: this.#prefixes.show(directory, name),
          kind: kindNames[kind] as "file" | "directory" | "symbolic link",
          size,
        }),
      // Where everything was announced as wanted, nothing can be skipped any more.
      exists: options.granted.wantsAll && options.exists !== "fail" ? "replace" : options.exists,
      mtimeResolutionNs: Math.max(engine.mtimeResolutionNs, peer.mtimeResolutionNs),
      onPlanned: (batch) => this.#onPlanned(batch),
    });
    this.#taken = new TakenFrames(control);
    this.#tasks = new SessionTasks(control, options.signal);
    this.#tasks.onLaneLost = (error) => this.#onLaneLost(error);
  }

  /** A data connection of this session; it is used from now on, and closed with the session. */
  addLane(number: number, channel: Channel): void {
    this.#addLaneIo(number, new LocalReceiveIo(channel, this.#options.engine, this.#account));
  }

  /** The same, moved by a Worker. */
  addRemoteLane(number: number, io: RemoteSendIo | RemoteReceiveIo): void {
    assert(io instanceof RemoteReceiveIo, "a receiver's lane receives");
    io.account = this.#account;
    this.#addLaneIo(number, io);
  }

  #addLaneIo(number: number, io: ReceiveIo): void {
    const lane = new ReceiveLane({
      io,
      engine: this.#options.engine,
      sessionCodec: this.#codec,
      received: this.#received,
      placement: this.#placement,
      account: this.#account,
      eventLoopYield: this.#eventLoopYield,
      large: this.#large,
      resends: this.#resends,
      plannedBatch: (number) => this.#plannedBatch(number),
      askAgain: (batch, entry, extent) => this.#control.send({ kind: "resend", batch, entry, extent }),
      onFrame: () => this.#taken.count(number),
      onPlaced: (bytes) => {
        this.#bytesPlaced += bytes;
      },
    });
    this.#tasks.startLane(io, async () => {
      await lane.run();
      if (!this.#receiptSent && !this.#tasks.hasEnded) {
        throw new RcopyError("peer-lost", `the peer at ${io.peer} ended a data connection too early`);
      }
    });
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  get root(): Directory | undefined {
    return this.#options.destination;
  }

  get load(): SessionLoad {
    const { settled } = this.#outcome;
    return {
      workDone: this.#bytesPlaced + settled * fileWork,
      workLeft: this.#bytesWanted - this.#bytesPlaced + Math.max(0, this.#entries - settled) * fileWork,
      growing: this.#announcedEnd === undefined,
      ...this.#account.load,
      lanes: this.#tasks.lanesAlive,
      hasEnded: this.#receiptSent || this.#tasks.hasEnded,
    };
  }

  send(message: LaneRequest | LaneOffer): void {
    if (!this.#receiptSent && !this.#tasks.hasEnded) this.#control.send(message);
  }

  #onLaneLost(error: RcopyError): void {
    const message = `${error.message}; its content comes over the ${this.#tasks.lanesAlive} others`;
    this.#options.emit({ type: "note", level: "info", message });
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  async run(): Promise<TransferSummary> {
    const { timeoutMs, peer, emit } = this.#options;
    const control = this.#control;
    const heartbeat = new Heartbeat({
      timeoutMs: Math.min(timeoutMs, peer.timeoutMs),
      bytesReceived: () =>
        this.#tasks.lanes.reduce((sum, lane) => sum + lane.bytesRead, control.channel.bytesRead),
      ping: () => control.send({ kind: "ping" }),
      onTick: () => {
        this.#taken.tell();
        emit({ type: "progress", progress: this.#progress() });
      },
      onTimeout: (error) => this.#tasks.fail(error),
    });
    this.#tasks.start(() =>
      control.readMessages((message) => !this.#tasks.hasEnded && this.#onMessage(message))
    );
    this.#tasks.start(() => this.#planAll());
    const end = await this.#tasks.ended();
    heartbeat[Symbol.dispose]();
    this.supply?.end();
    this.#arrived.end();
    this.#awaited.end();
    await this.#tasks.close(end);
    this.#received.stop();
    for (const target of this.#large.values()) target.abandonUnsettled();
    if (end.error) this.#placement.publishWhatIsDone();
    this.#placement.close();
    this.#codec[Symbol.dispose]();
    if (end.error) throw end.error;
    emit({ type: "progress", progress: this.#progress() });
    emit({ type: "stages", stages: this.#account.times });
    return this.#summary();
  }

  // ---- 1. batches

  /** Handles one message at once, without waiting for anything; false ends the reading. */
  #onMessage(message: Message): boolean {
    const { admitted, next } = admitMessage("receiver", this.#state, message);
    this.#state = next;
    this.#onAdmitted(admitted);
    return !this.#tasks.hasEnded;
  }

  #onAdmitted(message: MessageTo<"receiver">): void {
    switch (message.kind) {
      case "manifest":
        return this.#onManifest(message);
      case "manifestEnd":
        return this.#onManifestEnd(message);
      case "failure":
        return this.#failures.onFailure(message, this.#batches);
      case "laneRequest":
      case "laneOffer":
        return tellSupply(this.supply, message);
      case "ping":
        return;
      case "close":
        return this.#tasks.end(
          message.code === 0 && this.#receiptSent ? {} : { error: errorOfClose(message) },
        );
      default:
        message satisfies never;
    }
  }

  #onManifest(message: Manifest): void {
    const bytes = this.#control.lastMessageBytes;
    const { batchEntries } = this.#options.granted;
    if (message.batch !== this.#batches) {
      throw new RcopyError("protocol", `batch ${message.batch} came where batch ${this.#batches} was due`);
    }
    if (bytes > this.#credit || message.kinds.length > batchEntries) {
      throw new RcopyError("protocol", `batch ${message.batch} is larger than what was granted`);
    }
    this.#credit -= bytes;
    this.#batches++;
    this.#entries += message.kinds.length;
    for (const size of message.sizes) this.#bytesListed += Number(size);
    const batch = new ReceiveBatch(message, bytes);
    this.#plan.check(batch);
    this.#received.add(batch);
    this.#arrived.push(batch);
  }

  #onManifestEnd(message: ManifestEnd): void {
    const agrees = message.batches === this.#batches && message.entries === this.#entries &&
      message.bytes === BigInt(this.#bytesListed);
    if (!agrees) {
      throw new RcopyError("protocol", "the end of the manifest counts something else than what came");
    }
    if (!this.#tree.isSealed) {
      throw new RcopyError("protocol", "the manifest ended before its directories were closed");
    }
    this.#announcedEnd = message;
    this.#awaited.onManifestEnd(this.#batches);
    this.#arrived.end();
  }

  // ---- 2. plan

  async #planAll(): Promise<void> {
    for (;;) {
      const batch = await this.#arrived.next();
      if (!batch || this.#tasks.hasEnded) break;
      const began = performance.now();
      this.#plan.make(batch);
      for (const [entry, error] of batch.failedEarly) {
        if (batch.states[entry] === EntryState.wanted) this.#received.failAtSource(batch, entry, error);
      }
      this.#account.book("place", began);
      this.#awaited.onPlanned();
      // Let lanes and control have their turn between two batches.
      await this.#eventLoopYield.now();
    }
    this.#finishIfDone();
  }

  #onPlanned(batch: ReceiveBatch): void {
    this.#bytesWanted += batch.bytesWanted;
    if (!this.#options.granted.wantsAll) this.#control.send(batch.toWants());
  }

  #plannedBatch(number: number): ReceiveBatch | undefined | Promise<ReceiveBatch | undefined> {
    if (number < this.#awaited.planned) return this.#received.find(number);
    return this.#awaited.until(number).then(() => this.#received.find(number));
  }

  // ---- 5. receipt

  /** Sends the receipt once everything is settled. Called whenever something may have been the last. */
  #finishIfDone(): void {
    const isDone = this.#announcedEnd && this.#awaited.planned === this.#batches && this.#received.isSettled;
    if (!isDone || this.#receiptSent || this.#tasks.hasEnded) return;
    // Called from within the completion of a directory, the root may still be to come.
    if (!this.#tree.root.completed) return;
    this.#receiptSent = true;
    this.#tasks.start(() => this.#sendReceipt());
  }

  async #sendReceipt(): Promise<void> {
    const { durable } = this.#options;
    this.#placement.close();
    if (durable) await this.#placement.sync();
    if (this.#tasks.hasEnded) return;
    this.#received.flush();
    this.#taken.end();
    const { files, directories, links, bytes, skipped, failed, changed } = this.#outcome;
    const { hash } = this.#received;
    this.#state = "receipted";
    this.#control.send({
      kind: "receipt",
      files,
      directories,
      links,
      bytes: BigInt(bytes),
      skipped,
      failed,
      changed,
      treeCount: hash.count,
      treeSum: hash.sum,
      durable,
    });
  }

  #summary(): TransferSummary {
    return this.#outcome.summary(
      "receiver",
      [this.#control.channel, ...this.#tasks.lanes],
      this.#received.hash.toString(),
    );
  }

  #progress(): ProgressSnapshot {
    return this.#outcome.progress("receiver", {
      bytesDone: this.#bytesPlaced,
      bytesWanted: this.#bytesWanted,
      entriesTotal: this.#entries,
      growing: this.#state === "open",
      limitedBy: this.#account.bottleneck(),
    });
  }
}
