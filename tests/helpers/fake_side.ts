/** A side of a transfer that copies nothing: its session has its connections, and ends as it is told to. */
import { RcopyError } from "../../src/base/errors.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import type { Channel } from "../../src/net/channel.ts";
import type { DataConnection } from "../../src/transfer/lane/lane_io.ts";
import type { TransferEvent, TransferSummary } from "../../src/transfer/session/events.ts";
import { localHello } from "../../src/transfer/session/hello.ts";
import type { LaneSupply, SessionLoad } from "../../src/transfer/session/session_run.ts";
import type { Transfer } from "../../src/transfer/session/transfer.ts";
import type { Proposal, RunOptions, Session, Side } from "../../src/transfer/side.ts";
import type { Hello, Role } from "../../src/wire/hello.ts";

export class FakeSession implements Session {
  readonly role: Role;
  readonly engine: RunOptions["engine"];
  readonly root = undefined;
  readonly peer: Hello;
  readonly load: SessionLoad = {
    workDone: 0,
    workLeft: 0,
    growing: false,
    busyMs: 0,
    waitingMs: 0,
    lanes: 0,
    roundTripMs: undefined,
    hasEnded: false,
  };
  readonly #channel: Channel;
  readonly #signal: AbortSignal;
  readonly #lanes: DataConnection[] = [];
  readonly #hasLane = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  #supply: LaneSupply | undefined;

  constructor(role: Role, { channel, peer, run }: { channel: Channel; peer: Hello; run: RunOptions }) {
    this.role = role;
    this.engine = run.engine;
    this.peer = peer;
    this.#channel = channel;
    this.#signal = run.signal;
    this.#end.promise.catch(() => {}); // It may be told to fail before it runs.
  }

  fail(error: Error): void {
    this.#end.reject(error);
  }

  addLane(_: number, connection: DataConnection): void {
    this.#lanes.push(connection);
    this.#hasLane.resolve();
  }

  send(): void {}

  /** Whether it says that its peer answers. */
  answers = true;

  answersWithin(): Promise<boolean> {
    return Promise.resolve(this.answers);
  }

  abandon(why: string): void {
    this.end(new RcopyError("peer-lost", why));
  }

  useSupply(supply: LaneSupply): void {
    this.#supply = supply;
  }

  /** Resolves when it has a data connection. */
  get joined(): Promise<void> {
    return this.#hasLane.promise;
  }

  /** Ends the session, with an error or without. */
  end(error?: RcopyError): void {
    if (error) this.#end.reject(error);
    else this.#end.resolve();
  }

  async run(): Promise<TransferSummary> {
    const onAbort = () => this.end(this.#signal.reason);
    this.#signal.addEventListener("abort", onAbort, { once: true });
    if (this.#signal.aborted) onAbort();
    try {
      await this.#end.promise;
      return summaryOf(this.role);
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
      this.#supply?.end();
      this.#channel.close();
      for (const lane of this.#lanes) lane.close();
    }
  }
}

export class FakeSide implements Side {
  readonly role: Role;
  readonly #proposed?: (() => void) | undefined;
  readonly #says: Partial<Hello>;
  readonly #sessions: FakeSession[] = [];
  #waiting = Promise.withResolvers<void>();

  /** `onPropose` may throw; `says` is of its hello. */
  constructor(role: Role, onPropose?: () => void, says: Partial<Hello> = {}) {
    this.role = role;
    this.#proposed = onPropose;
    this.#says = says;
  }

  propose(run: RunOptions, transfer: Transfer): Proposal {
    this.#proposed?.();
    return {
      hello: { ...localHello(this.role, run.engine, run), placed: transfer.placed, ...this.#says },
      begin: (channel, peer) => {
        const session = new FakeSession(this.role, { channel, peer, run });
        this.#sessions.push(session);
        this.#waiting.resolve();
        this.#waiting = Promise.withResolvers();
        return session;
      },
    };
  }

  /** The session with this number, from 0, once it has begun. */
  async session(number: number): Promise<FakeSession> {
    while (this.#sessions.length <= number) await this.#waiting.promise;
    return this.#sessions[number]!;
  }
}

/** A run with the portable engine, and the events that it told. Disposing ends what still runs. */
export class FakeRun implements Disposable {
  readonly events: TransferEvent[] = [];
  readonly options: RunOptions;
  readonly #stop = new AbortController();

  constructor(options: { timeoutMs?: number; patienceMs?: number } = {}) {
    this.options = {
      engine: openDenoEngine(),
      streams: { limit: 1, isFixed: false },
      timeoutMs: options.timeoutMs ?? 30_000,
      check: false,
      patienceMs: options.patienceMs ?? 600_000,
      emit: (event) => void this.events.push(event),
      signal: this.#stop.signal,
    };
  }

  stop(): RcopyError {
    const reason = new RcopyError("interrupted", "enough");
    this.#stop.abort(reason);
    return reason;
  }

  /** Types of the events so far, without notes. */
  get told(): string[] {
    return this.events.filter(({ type }) => type !== "note").map(({ type }) => type);
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new RcopyError("interrupted", "the test is over"));
    this.options.engine[Symbol.dispose]();
  }
}

function summaryOf(role: Role): TransferSummary {
  return {
    role,
    files: 0,
    directories: 0,
    links: 0,
    bytes: 0,
    keptBytes: 0,
    matchedBytes: 0,
    wireBytes: 0,
    elapsedMs: 0,
    skipped: 0,
    compared: 0,
    failed: 0,
    changed: 0,
    grown: 0,
    lacking: 0,
    replaced: 0,
    treeHash: "0-00000000000000000000000000000000",
    exitStatus: 0,
  };
}
