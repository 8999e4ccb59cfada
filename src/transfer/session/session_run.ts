/**
 * The run of one session, as both ends have it: control, data connections, counts, the account of the time, and the order in
 * which everything begins and ends. Each end adds its {@linkcode SessionSide}: `send/sender.ts`, `receive/receiver.ts`.
 *  1. begin    the messages of control are read, the side scans or plans, the heartbeat ticks
 *  2. end      the first loop that ends or fails ends the session
 *  3. release  whatever waits goes on, the peer is told, connections are closed, the side lets go of what it has
 *  4. report   the summary, or the error that ended the session
 */
import { settlesWithin } from "../../base/deadline.ts";
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { RcopyError } from "../../base/errors.ts";
import type { TreeHash } from "../../codec/tree_hash.ts";
import { type Hello, nothingPlaced, type Role } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { Message } from "../../wire/message.ts";
import type { Control } from "./control.ts";
import { SessionCounts, type SessionWork } from "./counts.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Outcome } from "./outcome.ts";
import { Pings } from "./pings.ts";
import { StageAccount } from "./stage_account.ts";
import { afterMessage, type SessionState, type SideMessage } from "./states.ts";
import { SessionTasks } from "./tasks.ts";
import type { SessionResult, Transfer } from "./transfer.ts";

export interface SessionRunOptions {
  control: Control;
  /** The hello of the peer. */
  peer: Hello;
  /** Milliseconds without a byte of the peer after which this end gives up; the smaller of both ends' counts. */
  timeoutMs: number;
  emit: EventSink;
  /** Its abort fails the session with its reason. */
  signal: AbortSignal;
  /** The transfer that the session is a part of. */
  transfer: Transfer;
  /** This end, a receiver, writes nothing. */
  isDryRun?: boolean;
}

/** The part of a run that only a sender or only a receiver has. */
export interface SessionSide<R extends Role> {
  /** Handles one message at once, without waiting for anything. */
  onMessage: (message: SideMessage<R>) => void;
  /** The loop of this side beside those of its lanes: the scan, or the plan. */
  work: () => Promise<void>;
  /** Called some times a second. */
  onTick: () => void;
  /** The session has ended: whatever waits for work, credit or room goes on. */
  stopWaiting: () => void;
  /**
   * Every loop is over: lets go of files, directories and memory. `error` ended the session, if anything did.
   * @returns the error to report in its place, if another
   */
  release: (error: RcopyError | undefined) => RcopyError | void;
  /** Count and sum of the hashes of all entries that were placed in this session. */
  treeHash: () => TreeHash;
  /** At the receiver: those of files and links alone, which a later session of the transfer will find. */
  contentHash?: () => TreeHash;
}

/** Progress of a session, and the load of its thread. */
export interface SessionLoad extends SessionWork {
  /** Milliseconds so far in which the main thread worked, and in which its lanes waited. */
  busyMs: number;
  waitingMs: number;
  /** Data connections that work. */
  lanes: number;
  /** Milliseconds of the shortest round trip on control so far; `undefined` before the first. */
  roundTripMs: number | undefined;
  /** No data connection is needed any more. */
  hasEnded: boolean;
}

/** Brings data connections to a session: at the dialer's end it asks and opens, at the listener's it offers. */
export interface LaneSupply {
  /** The session reads control from now on, so that a request is answered; absent where nothing is asked for. */
  begin?(): void;
  /** @throws {RcopyError} `protocol` for a message that is not for this end */
  onMessage(message: LaneRequest | LaneOffer): void;
  /** The session has ended: nothing more is brought. */
  end(): void;
}

export class SessionRun<R extends Role = Role> {
  readonly role: R;
  readonly control: Control;
  readonly account = new StageAccount();
  readonly outcome: Outcome;
  readonly counts: SessionCounts;
  readonly tasks: SessionTasks;
  readonly pings: Pings;
  /** Shared by all loops of this thread. */
  readonly eventLoopYield = new EventLoopYield();
  state: SessionState = "greeted";
  /** Everything is settled and the receipt is being made: no data connection is needed any more. */
  isFinishing = false;
  /** Brings data connections beside those that the session gets at first. */
  supply: LaneSupply | undefined;
  readonly #options: SessionRunOptions;
  /** Resolves when the peer answers the question whether it is there. */
  #answer: Promise<void> | undefined;

  constructor(role: R, options: SessionRunOptions) {
    this.role = role;
    this.#options = options;
    this.control = options.control;
    const isDryRun = options.isDryRun === true || options.peer.dryRun;
    this.outcome = new Outcome(role, options.emit, { isDryRun });
    this.counts = new SessionCounts(this.outcome);
    this.tasks = new SessionTasks(options.control, options.signal);
    this.pings = new Pings(options.control);
    this.tasks.onLaneLost = (error, others) => this.#onLaneLost(error, others);
  }

  /** Milliseconds that the peer may be silent: the smaller of both ends' counts. */
  get silenceMs(): number {
    return Math.min(this.#options.timeoutMs, this.#options.peer.timeoutMs);
  }

  /** The session is over, or so near its end that nothing new may begin. */
  get hasEnded(): boolean {
    return this.isFinishing || this.tasks.hasEnded;
  }

  /** Entries that took the place of others, in all sessions of the transfer. */
  get replacedInAll(): number {
    return this.#options.transfer.replacedBefore + this.outcome.replaced;
  }

  get load(): SessionLoad {
    return {
      ...this.counts.work,
      ...this.account.load,
      lanes: this.tasks.lanesAlive,
      roundTripMs: this.pings.roundTripMs,
      hasEnded: this.hasEnded,
    };
  }

  /** Whether anything of the peer comes within so long; it is asked for an answer. */
  async answersWithin(ms: number): Promise<boolean> {
    if (this.tasks.hasEnded) return false;
    const before = this.#bytesRead;
    // However many ask, one question is out.
    this.#answer ??= new Promise((resolve) =>
      this.pings.ask(() => {
        this.#answer = undefined;
        resolve();
      })
    );
    await settlesWithin(Promise.race([this.#answer, this.tasks.ended()]), ms);
    return !this.tasks.hasEnded && this.#bytesRead > before;
  }

  /** Ends the session as one that is lost. */
  abandon(why: string): void {
    this.tasks.fail(new RcopyError("peer-lost", why));
  }

  /** Sends a message about data connections, unless the session has ended. */
  sendAboutLanes(message: LaneRequest | LaneOffer): void {
    if (!this.hasEnded) this.control.send(message);
  }

  /** @throws {RcopyError} `protocol` where nothing brings data connections */
  onLaneMessage(message: LaneRequest | LaneOffer): void {
    if (!this.supply) {
      throw new RcopyError("protocol", `the peer sent ${message.kind}, which nobody asked for`);
    }
    this.supply.onMessage(message);
  }

  /** Runs the session to its end. @throws {RcopyError} whatever ended it without an agreed receipt */
  async run(side: SessionSide<R>): Promise<TransferSummary> {
    const { emit, transfer } = this.#options;
    const { control, tasks } = this;
    const heartbeat = this.#heartbeat(side);
    tasks.start(() => control.readMessages((message) => !tasks.hasEnded && this.#onMessage(message, side)));
    tasks.start(side.work);
    this.supply?.begin?.();
    const end = await tasks.ended();
    heartbeat[Symbol.dispose]();
    this.supply?.end();
    side.stopWaiting();
    await tasks.close(end, { takesRest: this.role === "receiver" });
    const error = side.release(end.error) ?? end.error;
    // The last one may be some time ago; an end that fails early has said nothing yet.
    emit({ type: "progress", progress: this.#progress() });
    if (error) {
      transfer.onLost(this.#result(side));
      const { files, links, bytes } = transfer.placed;
      if (side.contentHash) emit({ type: "kept", files, links, bytes });
      throw error;
    }
    emit({ type: "stages", stages: this.account.times });
    const { bytesMatched: matchedBytes } = this.counts;
    return transfer.summary(
      this.outcome.summary({ wireBytes: this.#wireBytes, matchedBytes }),
      side.treeHash(),
    );
  }

  #progress(): ProgressSnapshot {
    return this.#options.transfer.progress(this.counts.progress(this.account));
  }

  get #bytesRead(): number {
    return this.tasks.lanes.reduce((sum, lane) => sum + lane.bytesRead, this.control.channel.bytesRead);
  }

  get #wireBytes(): number {
    const { control, tasks } = this;
    return [control.channel, ...tasks.lanes].reduce((sum, one) => sum + one.bytesRead + one.bytesWritten, 0);
  }

  #result({ contentHash }: SessionSide<R>): SessionResult {
    const wireBytes = this.#wireBytes;
    const { bytesMatched: matched, bytesDone: received } = this.counts;
    if (!contentHash || this.outcome.isDryRun) {
      return { placed: nothingPlaced, received: 0, matched, lacking: 0, replaced: 0, wireBytes };
    }
    const { files, links, bytes, keptBytes: kept, lackingContent: lacking, replaced } = this.outcome;
    const placed = { files, links, bytes, kept, sum: contentHash().sum };
    return { placed, received, matched, lacking, replaced, wireBytes };
  }

  #onMessage(message: Message, side: SessionSide<R>): boolean {
    this.state = afterMessage(this.role, this.state, message.kind);
    if (message.kind === "ping") this.pings.onPing(message);
    else if (message.kind === "pong") this.pings.onPong(message);
    // The table of states has let it through.
    else side.onMessage(message as SideMessage<R>);
    return !this.tasks.hasEnded;
  }

  #heartbeat(side: SessionSide<R>): Heartbeat {
    const { tasks } = this;
    const { emit } = this.#options;
    return new Heartbeat({
      timeoutMs: this.silenceMs,
      bytesReceived: () => this.#bytesRead,
      ping: () => this.pings.beat(),
      onTick: () => {
        side.onTick();
        emit({ type: "progress", progress: this.#progress() });
      },
      onTimeout: (error) => tasks.fail(error),
    });
  }

  #onLaneLost(error: RcopyError, count: number): void {
    const direction = this.role === "sender" ? "goes" : "comes";
    const others = `its content ${direction} over the ${count} others`;
    this.#options.emit({ type: "note", level: "info", message: `${error.message}; ${others}` });
  }
}
