/**
 * A receiver's session that waits for the answer of a person before it begins: where it lands depends on that. Until then
 * the sender is told at intervals that somebody is being asked, and announces nothing.
 */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Directory, Engine } from "../io/contract/engine.ts";
import { closeAfter, closeOf } from "../meet/farewell.ts";
import type { LaneOffer, LaneRequest } from "../wire/lanes.ts";
import type { DataConnection } from "./lane/lane_io.ts";
import type { Control } from "./session/control.ts";
import type { TransferSummary } from "./session/events.ts";
import type { LaneSupply, SessionLoad } from "./session/session_run.ts";
import type { Session } from "./side.ts";

export interface AskedSessionOptions {
  engine: Engine;
  control: Control;
  /** Milliseconds that either end may be silent. */
  silenceMs: number;
  /** Whether a person is asked; else the answer is known, and the sender is told of none. */
  asksPerson: boolean;
  /** Asks, and makes the session that follows. @throws {RcopyError} where the answer is no, or what it asks for cannot be had */
  begin: () => Promise<Session>;
}

export class AskedSession implements Session {
  readonly role = "receiver";
  readonly #options: AskedSessionOptions;
  readonly #lanes: [number, DataConnection][] = [];
  #supply: LaneSupply | undefined;
  #begun: Session | undefined;
  #hasEnded = false;
  readonly #abandoned = Promise.withResolvers<never>();
  #failure: RcopyError | undefined;

  constructor(options: AskedSessionOptions) {
    this.#options = options;
    this.#abandoned.promise.catch(() => {}); // it may come when nobody is asked any more
  }

  async run(): Promise<TransferSummary> {
    const { begin, control, silenceMs, asksPerson } = this.#options;
    const tell = () => void control.send({ kind: "waiting" });
    if (asksPerson) tell();
    const timer = asksPerson ? setInterval(tell, silenceMs / 3) : undefined;
    let session: Session;
    try {
      session = await Promise.race([begin(), this.#abandoned.promise]);
    } catch (thrown) {
      await this.#close(thrown);
      throw thrown;
    } finally {
      clearInterval(timer);
    }
    this.#begun = session;
    if (this.#supply) session.useSupply(this.#supply);
    for (const [number, connection] of this.#lanes.splice(0)) session.addLane(number, connection);
    if (this.#failure) session.fail(this.#failure);
    return await session.run();
  }

  async #close(thrown: unknown): Promise<void> {
    const { control } = this.#options;
    this.#hasEnded = true;
    this.#supply?.end();
    for (const [, connection] of this.#lanes.splice(0)) connection.close();
    control.send(closeOf(asRcopyError(thrown)));
    await closeAfter(control.channel, control.flushed());
  }

  /** Whoever is asked may take any time, and nothing is expected of the sender. */
  answersWithin(ms: number): Promise<boolean> {
    return this.#begun?.answersWithin(ms) ?? Promise.resolve(!this.#hasEnded);
  }

  abandon(why: string): void {
    if (this.#begun) this.#begun.abandon(why);
    else this.#abandoned.reject(new RcopyError("peer-lost", why));
  }

  useSupply(supply: LaneSupply): void {
    this.#supply = supply;
  }

  addLane(number: number, connection: DataConnection): void {
    if (this.#begun) this.#begun.addLane(number, connection);
    else this.#lanes.push([number, connection]);
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  get root(): Directory | undefined {
    return this.#begun?.root;
  }

  get load(): SessionLoad {
    return this.#begun?.load ?? {
      workDone: 0,
      workLeft: 0,
      growing: true,
      busyMs: 0,
      waitingMs: 0,
      lanes: this.#lanes.length,
      roundTripMs: undefined,
      hasEnded: this.#hasEnded,
    };
  }

  /** Ends the session that follows: nobody who is asked is interrupted. */
  fail(error: RcopyError): void {
    if (this.#begun) this.#begun.fail(error);
    else this.#failure ??= error;
  }

  send(message: LaneRequest | LaneOffer): void {
    this.#begun?.send(message);
  }
}
