/**
 * The receiving side of one session. The mirror image is `sender.ts`.
 *  5. receipt  counts and tree hash, when everything is settled and in place
 *  4. settle   batches and held entries, reported as they are done; credit goes back
 *  3. lanes    read, verify, place (`receive_lane.ts`)
 *  2. plan     what is missing of each batch (`plan.ts`)
 *  1. batches  from control into a queue that the credit bounds
 */
import { RcopyError } from "../base/errors.ts";
import { BoundedQueue } from "../base/bounded_queue.ts";
import { Codec } from "../codec/codec.ts";
import { kindNames } from "../fs/metadata.ts";
import type { Directory, Engine } from "../io/engine.ts";
import type { Channel } from "../net/channel.ts";
import { errorCodeOf } from "../wire/codes.ts";
import type { Failure, Hello, Manifest, ManifestEnd, Message } from "../wire/messages.ts";
import type { Control } from "./control.ts";
import { EntryHasher } from "./entry_hash.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { LargeTarget } from "./large_target.ts";
import { Outcome } from "./outcome.ts";
import { PathPrefixes } from "./paths.ts";
import { Placement } from "./placement.ts";
import { type ExistsPolicy, Plan } from "./plan.ts";
import { EntryState, ReceiveBatch } from "./receive_batch.ts";
import type { LaneConnection, ReceiveIo } from "./lane_io.ts";
import { LocalReceiveIo } from "./local_receive_io.ts";
import { ReceiveLane } from "./receive_lane.ts";
import { entryKey } from "./entry_key.ts";
import { ReceivedTree } from "./received_tree.ts";
import { afterMessage, type SessionState } from "./session.ts";
import { errorOfClose, SessionTasks } from "./session_tasks.ts";
import { SpaceBudget } from "./space_budget.ts";
import { StageAccount } from "./stages.ts";
import { TargetTree } from "./target_tree.ts";
import { showPeerText } from "../base/show.ts";

/** A data frame may be ahead of its batch on control by no more than this many batches. */
const batchesAheadMax = 65_536;

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

export class Receiver {
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
  readonly #tasks: SessionTasks;
  readonly #lanes: LaneConnection[] = [];
  readonly #arrived: BoundedQueue<ReceiveBatch>;
  readonly #large = new Map<number, LargeTarget>();
  readonly #resends = new Map<number, number>();
  readonly #awaited = new Map<number, { promise: Promise<void>; resolve: () => void }>();
  #state: SessionState = "open";
  #credit: number;
  #batches = 0;
  #planned = 0;
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
    this.#tasks = new SessionTasks(control, this.#lanes, options.signal);
  }

  /** A data connection of this session; it is used from now on, and closed with the session. */
  addLane(channel: Channel): void {
    this.addLaneIo(new LocalReceiveIo(channel, this.#options.engine, this.#account));
  }

  /** The same, whatever moves its bytes. */
  addLaneIo(io: ReceiveIo): void {
    this.#lanes.push(io);
    const lane = new ReceiveLane({
      io,
      engine: this.#options.engine,
      sessionCodec: this.#codec,
      received: this.#received,
      placement: this.#placement,
      account: this.#account,
      large: this.#large,
      resends: this.#resends,
      plannedBatch: (number) => this.#plannedBatch(number),
      askAgain: (batch, entry, extent) => this.#control.send({ kind: "resend", batch, entry, extent }),
      onPlaced: (bytes) => {
        this.#bytesPlaced += bytes;
      },
    });
    this.#tasks.startLane(async () => {
      await lane.run();
      if (!this.#receiptSent && !this.#tasks.hasEnded) {
        throw new RcopyError("peer-lost", `the peer at ${io.peer} ended a data connection too early`);
      }
    });
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  async run(): Promise<TransferSummary> {
    const { timeoutMs, peer, emit } = this.#options;
    const control = this.#control;
    const heartbeat = new Heartbeat({
      timeoutMs: Math.min(timeoutMs, peer.timeoutMs),
      bytesReceived: () => this.#lanes.reduce((sum, lane) => sum + lane.bytesRead, control.channel.bytesRead),
      ping: () => control.send({ kind: "ping" }),
      onTick: () => emit({ type: "progress", progress: this.#progress() }),
      onTimeout: (error) => this.#tasks.fail(error),
    });
    this.#tasks.start(() =>
      control.readMessages((message) => !this.#tasks.hasEnded && this.#onMessage(message))
    );
    this.#tasks.start(() => this.#planAll());
    const end = await this.#tasks.ended();
    heartbeat[Symbol.dispose]();
    this.#arrived.end();
    for (const awaited of this.#awaited.values()) awaited.resolve();
    await this.#tasks.close(end);
    this.#received.stop();
    for (const target of this.#large.values()) target.abandonUnsettled();
    if (end.error) this.#placement.publishWhatIsDone();
    this.#placement.close();
    this.#codec[Symbol.dispose]();
    if (end.error) throw end.error;
    emit({ type: "progress", progress: this.#progress() });
    emit({ type: "note", level: "debug", message: this.#account.describe() });
    return this.#summary();
  }

  // ---- 1. batches

  /** Handles one message at once, without waiting for anything; false ends the reading. */
  #onMessage(message: Message): boolean {
    this.#state = afterMessage("receiver", this.#state, message.kind);
    switch (message.kind) {
      case "manifest":
        this.#onManifest(message);
        return true;
      case "manifestEnd":
        this.#onManifestEnd(message);
        return true;
      case "failure":
        this.#onFailure(message);
        return true;
      case "close":
        if (message.code === 0 && this.#receiptSent) this.#tasks.end({});
        else this.#tasks.end({ error: errorOfClose(message) });
        return false;
      default:
        return true;
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
    this.#arrived.end();
  }

  /** The sender cannot send something. */
  #onFailure({ place, code: number, text }: Failure): void {
    const error = new RcopyError(errorCodeOf(number), showPeerText(text));
    if (place.of === "name") {
      const directory = this.#tree.open(place.directory);
      if (error.code !== "not-sent") this.#outcome.failed++;
      this.#outcome.report(this.#prefixes.show(directory, place.name), error.code, error.message);
      return;
    }
    const { batch: batchNumber, entry } = place;
    const target = this.#large.get(entryKey(batchNumber, entry));
    if (target) {
      target.abandon(() => {
        this.#large.delete(entryKey(batchNumber, entry));
        this.#received.failHeldAtSource(target.held, error);
      });
    } else {
      const batch = this.#received.find(batchNumber);
      const state = batch?.states[entry];
      if (batch && entry < batch.count && !batch.isPlanned) {
        batch.failedEarly.set(entry, error);
      } else if (batch && state === EntryState.wanted) {
        this.#received.failAtSource(batch, entry, error);
      } else if (!(batch ? state === EntryState.failed : this.#received.mayComeLate(batchNumber))) {
        throw new RcopyError(
          "protocol",
          `the peer gave up entry ${entry} of batch ${batchNumber}, which was not due`,
        );
      }
    }
  }

  // ---- 2. plan

  async #planAll(): Promise<void> {
    for (;;) {
      const batch = await this.#arrived.next();
      if (!batch || this.#tasks.hasEnded) break;
      const began = performance.now();
      this.#plan.make(batch);
      this.#planned++;
      for (const [entry, error] of batch.failedEarly) {
        if (batch.states[entry] === EntryState.wanted) this.#received.failAtSource(batch, entry, error);
      }
      this.#account.book("place", began);
      this.#awaited.get(batch.number)?.resolve();
      this.#awaited.delete(batch.number);
      // Let lanes and control have their turn between two batches.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#finishIfDone();
  }

  #onPlanned(batch: ReceiveBatch): void {
    const bitmap = new Uint8Array((batch.count + 7) >> 3);
    let wanted = 0;
    for (let i = 0; i < batch.count; i++) {
      const state = batch.states[i];
      if (state === EntryState.wanted) this.#bytesWanted += batch.size(i);
      if (state !== EntryState.wanted && state !== EntryState.held && state !== EntryState.placed) continue;
      bitmap[i >> 3]! |= 1 << (i & 7);
      wanted++;
    }
    if (this.#options.granted.wantsAll) return;
    const all = wanted === batch.count;
    const none = new Uint8Array(0);
    this.#control.send({
      kind: "wants",
      batch: batch.number,
      all,
      bitmap: all || wanted === 0 ? none : bitmap,
    });
  }

  #plannedBatch(number: number): ReceiveBatch | undefined | Promise<ReceiveBatch | undefined> {
    if (number < this.#planned) return this.#received.find(number);
    if (number > this.#planned + batchesAheadMax || (this.#announcedEnd && number >= this.#batches)) {
      throw new RcopyError("protocol", `the peer sent data of batch ${number}, which it never announced`);
    }
    return this.#awaitBatch(number);
  }

  async #awaitBatch(number: number): Promise<ReceiveBatch | undefined> {
    // Who begins to wait after the session has ended would wait for ever.
    if (this.#tasks.hasEnded) return undefined;
    let awaited = this.#awaited.get(number);
    if (!awaited) this.#awaited.set(number, awaited = Promise.withResolvers<void>());
    await awaited.promise;
    return this.#received.find(number);
  }

  // ---- 5. receipt

  /** Sends the receipt once everything is settled. Called whenever something may have been the last. */
  #finishIfDone(): void {
    const isDone = this.#announcedEnd && this.#planned === this.#batches && this.#received.isSettled;
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
      [this.#control.channel, ...this.#lanes],
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
