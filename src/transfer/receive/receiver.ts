/**
 * The receiving side of one session. The mirror image is `send/sender.ts`.
 *  1. intake   batches from control into a queue that the credit bounds (`receive/intake.ts`)
 *  2. plan     what is missing of each batch (`receive/plan.ts`)
 *  3. lanes    read, verify, place (`receive/lane.ts`)
 *  4. settle   batches and held entries, reported as they are done; credit goes back (`receive/unsettled.ts`)
 *  5. receipt  counts and tree hash, when everything is settled and in place (`receive/receipt.ts`)
 */
import { RcopyError } from "../../base/errors.ts";
import { Codec } from "../../codec/codec.ts";
import { kindNames } from "../../entry/metadata.ts";
import { PathPrefixes } from "../../entry/path_prefixes.ts";
import type { Directory, Engine, FileMetadata } from "../../io/contract/engine.ts";
import type { Close } from "../../wire/closing.ts";
import type { Destination } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { DataConnection } from "../lane/lane_io.ts";
import type { TransferSummary } from "../session/events.ts";
import type { PlannedEntry } from "../session/outcome.ts";
import {
  type LaneSupply,
  type SessionLoad,
  SessionRun,
  type SessionRunOptions,
} from "../session/session_run.ts";
import type { SideMessage } from "../session/states.ts";
import { errorOfClose } from "../../meet/farewell.ts";
import type { LaneHost } from "../supply/host.ts";
import type { ReceiveBatch } from "../target/batch.ts";
import { FileSystems } from "../target/file_systems.ts";
import { Placement } from "../target/placement.ts";
import { StandingEntries } from "../target/standing.ts";
import { type TargetDirectory, TargetTree } from "../target/tree.ts";
import { AwaitedBatches } from "./awaited_batches.ts";
import { ReceiveBasis } from "./basis.ts";
import { ReceiveComparison } from "./comparison.ts";
import { ReceiveFailures } from "./failures.ts";
import { UnitsTaken } from "./units_taken.ts";
import { Intake, type OneFile } from "./intake.ts";
import { ReceiveLane } from "./lane.ts";
import { LargeFiles, leftSentence } from "./large_files.ts";
import { ReceivePlan } from "./plan.ts";
import type { ReceivePolicy } from "./policy.ts";
import { type Consent, Questions } from "./questions.ts";
import { type DestinationState, ReceiptWriter } from "./receipt.ts";
import type { SettingsGuard } from "./settings.ts";
import { ReceiveUnsettled } from "./unsettled.ts";

export interface ReceiverOptions extends SessionRunOptions, DestinationState {
  /** The grant in the hello of this side. */
  granted: { creditBytes: number; batchEntries: number };
  /** What the sender is told of the destination. */
  told: Destination;
  /** The one file that may come, and its name if it was asked for under one. */
  only?: OneFile | undefined;
  engine: Engine;
  /** The destination; it belongs to the caller. Absent only in a dry run. */
  destination: Directory | undefined;
  /** What it is to be in the end, where this run has made it. */
  made?: FileMetadata | undefined;
  policy: ReceivePolicy;
  /** This end wishes that content is compared. */
  check: boolean;
  /** Absent where nothing that lands is settings, or all of it may be. */
  settings?: SettingsGuard | undefined;
  /** What a person has to agree to, in all sessions of the transfer. */
  consent: Consent;
}

export class Receiver implements LaneHost {
  readonly role = "receiver";
  readonly #options: ReceiverOptions;
  readonly #run: SessionRun<"receiver">;
  /** For entry hashes and the hashes of large files; each lane has one of its own. */
  readonly #codec = Codec.open({ arenaBytes: 0 });
  readonly #prefixes = new PathPrefixes();
  readonly #tree: TargetTree;
  readonly #placement: Placement;
  readonly #unsettled: ReceiveUnsettled;
  readonly #plan: ReceivePlan;
  readonly #awaited: AwaitedBatches;
  readonly #taken: UnitsTaken;
  readonly #intake: Intake;
  readonly #receipt: ReceiptWriter;
  readonly #failures: ReceiveFailures;
  readonly #large: LargeFiles;
  readonly #comparison: ReceiveComparison;
  readonly #basis: ReceiveBasis;
  readonly #fileSystems: FileSystems;
  readonly #questions: Questions;
  /** In a dry run: resolves when there is room to list more. */
  #listing: unknown;
  /** Number of requests to send a small file again, by `entryKey`. */
  readonly #resends = new Map<number, number>();

  constructor(options: ReceiverOptions) {
    const { engine, destination, policy, granted, only } = options;
    this.#options = options;
    this.#fileSystems = new FileSystems(engine, policy);
    const run = this.#run = new SessionRun("receiver", options);
    const device = destination ? engine.identityOf(destination).device : 0;
    const tree = this.#tree = new TargetTree(destination, device);
    const placement = this.#placement = new Placement(engine, tree, policy, options.made);
    const unsettled = this.#unsettled = new ReceiveUnsettled({
      control: run.control,
      outcome: run.outcome,
      codec: this.#codec,
      engine,
      prefixes: this.#prefixes,
      onSettled: (directory) => placement.completeFrom(directory, unsettled),
      onCredit: (bytes) => this.#intake.grant(bytes),
      onAllSettled: () => this.#receipt.sendIfDone(),
    });
    const questions = {
      announced: () => run.counts.batches,
      ask: (onAnswer: () => void) => run.pings.ask(onAnswer),
      timeoutMs: run.silenceMs,
    };
    const basis = this.#basis = new ReceiveBasis({ run, engine, unsettled, delta: policy.delta });
    const large = this.#large = new LargeFiles({
      engine,
      codec: this.#codec,
      placement,
      unsettled,
      ...questions,
      onSilence: (error) => run.tasks.fail(error),
      start: (work) => run.tasks.start(work),
      control: run.control,
      eventLoopYield: run.eventLoopYield,
      onKept: (bytes) => run.counts.bytesKept += bytes,
      check: options.check || options.peer.check,
      basis,
    });
    const awaited = this.#awaited = new AwaitedBatches(questions);
    const taken = this.#taken = new UnitsTaken(run.control);
    this.#questions = this.#makeQuestions();
    this.#comparison = this.#makeComparison();
    const plan = this.#plan = this.#makePlan();
    this.#intake = new Intake({ run, granted, only, tree, plan, unsettled, awaited });
    const { durable } = policy;
    const { lacksOfDestination } = options;
    const settled = { run, tree, placement, unsettled, awaited, taken, durable };
    this.#receipt = new ReceiptWriter({ ...settled, questions: this.#questions, lacksOfDestination });
    this.#failures = new ReceiveFailures({
      outcome: run.outcome,
      tree,
      unsettled,
      prefixes: this.#prefixes,
      large,
      comparison: this.#comparison,
    });
  }

  #makeQuestions(): Questions {
    const { control, silenceMs } = this.#run;
    const pathOf = (directory: TargetDirectory, name: Uint8Array) => this.#prefixes.show(directory, name);
    const tell = () => void control.send({ kind: "waiting" });
    return new Questions({ consent: this.#options.consent, pathOf, tell, everyMs: silenceMs / 3 });
  }

  #makeComparison(): ReceiveComparison {
    const { engine, policy } = this.#options;
    return new ReceiveComparison({
      run: this.#run,
      engine,
      codec: this.#codec,
      placement: this.#placement,
      fileSystems: this.#fileSystems,
      unsettled: this.#unsettled,
      large: this.#large,
      basis: this.#basis,
      questions: this.#questions,
      dryRun: policy.dryRun,
      onImagined: (...planned) => this.#onImagined(...planned),
      mtimeResolutionNs: this.#mtimeResolutionNs,
    });
  }

  #makePlan(): ReceivePlan {
    const { engine, policy, told, peer, check, settings, transfer } = this.#options;
    const { exists, dryRun } = policy;
    const fileSystems = this.#fileSystems;
    return new ReceivePlan({
      engine,
      codec: this.#codec,
      tree: this.#tree,
      placement: this.#placement,
      unsettled: this.#unsettled,
      fileSystems,
      standing: new StandingEntries(engine, fileSystems),
      dryRun,
      onImagined: (...planned) => this.#onImagined(...planned),
      exists,
      check: check || peer.check,
      mayUseOlder: (bytes) => this.#basis.mayUse(bytes),
      settings,
      questions: this.#questions,
      mustCopy: told.wantsAll,
      ownSinceNs: transfer.placedSinceNs,
      mtimeResolutionNs: this.#mtimeResolutionNs,
      onPlanned: (batch) => this.#onPlanned(batch),
    });
  }

  get #mtimeResolutionNs(): number {
    const { engine, peer } = this.#options;
    return Math.max(engine.mtimeResolutionNs, peer.mtimeResolutionNs);
  }

  /** A dry run has found what would be copied. */
  #onImagined(directory: TargetDirectory, name: Uint8Array, planned: PlannedEntry): void {
    const { size, replaces } = planned;
    const kind = kindNames[planned.kind] as "file" | "directory" | "symbolic link";
    const path = this.#prefixes.show(directory, name);
    this.#run.outcome.countPlanned(planned);
    this.#listing = this.#options.emit({ type: "planned", path, kind, size, replaces });
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  run(): Promise<TransferSummary> {
    this.#run.control.send(this.#options.told);
    this.#run.state = "open";
    return this.#run.run({
      onMessage: (message) => this.#onMessage(message),
      work: async () => {
        // A sender that was told that everything is wanted does not wait: better no byte than all of them for nothing.
        if (this.#options.told.wantsAll) this.#placement.prepare();
        await this.#planAll();
      },
      onTick: () => {
        this.#taken.tell();
        this.#large.onTick();
        this.#comparison.onTick();
      },
      stopWaiting: () => {
        this.#intake.end();
        this.#questions.end();
        this.#awaited.end();
        this.#large.end();
        this.#comparison.end();
      },
      release: (error) => {
        const message = leftSentence(this.#large.leaveAll(), error);
        if (message) this.#options.emit({ type: "note", level: "info", message });
        if (error && !this.#options.policy.dryRun) this.#placement.settleWhatIsThere(this.#unsettled);
        this.#unsettled.stop();
        this.#placement.close();
        this.#codec[Symbol.dispose]();
        return error?.code === "integrity" && !this.#options.policy.dryRun
          ? this.#distrust(error)
          : undefined;
      },
      treeHash: () => this.#unsettled.hash,
      contentHash: () => this.#unsettled.contentHash,
    });
  }

  /** The two ends disagree: nothing that was placed may pass for copied. */
  #distrust(cause: RcopyError): RcopyError {
    const { files, failed } = this.#placement.distrust();
    const left = failed === 0
      ? "the next run copies them again"
      : `the next run copies them again, but ${failed} entries could not be reached: use --exists replace`;
    const message = `${cause.message}; ${files} files have lost their time, so that ${left}`;
    return new RcopyError("integrity", message, { cause });
  }

  // ---- data connections

  addLane(number: number, connection: DataConnection): void {
    const run = this.#run;
    const { account, eventLoopYield, control, counts, tasks } = run;
    const io = connection.toReceiveIo({ engine: this.engine, account });
    const lane = new ReceiveLane({
      io,
      unsettled: this.#unsettled,
      placement: this.#placement,
      account,
      eventLoopYield,
      large: this.#large,
      comparison: this.#comparison,
      resends: this.#resends,
      plannedBatch: (number) => this.#plannedBatch(number),
      askAgain: (batch, entry, extent) => control.send({ kind: "resend", batch, entry, extent }),
      onUnit: (bytes) => this.#taken.count(number, bytes),
      onPlaced: (bytes) => counts.bytesDone += bytes,
      onMatched: (bytes) => counts.addMatched(bytes),
      onTold: () => this.#basis.lookForRoom(),
    });
    tasks.startLane(io, async () => {
      await lane.run();
      if (!run.hasEnded) {
        throw new RcopyError("peer-lost", `the peer at ${io.peer} ended a data connection too early`);
      }
    });
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
    return this.#options.destination;
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

  /** A batch once it is planned; `undefined` where it is settled. @throws {RcopyError} `protocol` in a dry run */
  #plannedBatch(number: number): ReceiveBatch | undefined | Promise<ReceiveBatch | undefined> {
    if (this.#options.policy.dryRun) throw new RcopyError("protocol", "the peer sent content in a dry run");
    return this.#awaited.planned(number, this.#unsettled);
  }

  // ---- messages

  /** Handles one message at once, without waiting for anything. */
  #onMessage(message: SideMessage<"receiver">): void {
    switch (message.kind) {
      case "manifest":
        return this.#intake.onManifest(message);
      case "manifestEnd":
        return this.#intake.onManifestEnd(message);
      case "failure":
        return this.#failures.onFailure(message, this.#run.counts.batches);
      case "fileVerified":
        this.#comparison.beginLarge(message.batch, message.entry);
        return this.#large.onVerified(message);
      case "compared":
        return this.#comparison.onCompared(message);
      case "laneRequest":
      case "laneOffer":
        return this.#run.onLaneMessage(message);
      case "close":
        return this.#onClose(message);
      default:
        message satisfies never;
    }
  }

  #onClose(message: Close): void {
    const isAgreed = message.code === 0 && this.#run.isFinishing;
    const error = errorOfClose(message);
    if (error.code === "again") {
      throw new RcopyError("protocol", "the peer asked for another session, as only a receiver may");
    }
    this.#run.tasks.end(isAgreed ? {} : { error });
  }

  // ---- plan

  async #planAll(): Promise<void> {
    const { account, tasks, eventLoopYield } = this.#run;
    for (;;) {
      const batch = await this.#intake.next();
      if (!batch || tasks.hasEnded) break;
      const began = performance.now();
      this.#plan.make(batch);
      this.#failures.onPlanned(batch);
      account.book("place", began);
      this.#awaited.onPlanned();
      if (this.#listing instanceof Promise) await Promise.race([this.#listing, tasks.ended()]);
      // Let lanes and control have their turn between two batches.
      await eventLoopYield.now();
    }
    this.#receipt.sendIfDone();
  }

  #onPlanned(batch: ReceiveBatch): void {
    this.#large.onPlanned(batch);
    this.#run.counts.bytesWanted += batch.bytesWanted;
    const { told, policy, check, peer } = this.#options;
    if (told.wantsAll || (policy.dryRun && !check && !peer.check)) return;
    this.#run.control.send(batch.toWants());
    this.#comparison.add(batch);
    this.#large.onToldWants(batch);
  }
}
