/**
 * The threads of this process that move data connections beside the main thread. What they are made of is loaded with the
 * first one: a short copy has none.
 */
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { PeerAddress } from "../../net/address.ts";
import type { ClientTransport } from "../../net/transport.ts";
import type { Join, Role } from "../../wire/hello.ts";
import type { DataConnection } from "../lane/lane_io.ts";
import type { LaneArrival } from "./calls.ts";
import { programFolder } from "./program_files.ts";
import type { LaneThread } from "./thread.ts";

/** Workers of one process. */
const threadsMax = 8;
/** Descriptors that a Worker and its lanes need, and memory. */
const threadDescriptors = 40;
const threadBytes = 256 * 1024 * 1024;

export interface LaneThreadsOptions {
  engine: Engine;
  onNote: (message: string) => void;
}

/** Starts Workers one by one as lanes need them, as long as cores, descriptors and memory remain. */
export class LaneThreads {
  readonly #options: LaneThreadsOptions;
  readonly #threads: LaneThread[] = [];
  readonly #max = Math.min(navigator.hardwareConcurrency, threadsMax);
  #starting: Promise<LaneThread | undefined> | undefined;
  #isEnded = false;
  #cannot = false;
  #laneCount = 0;
  /** Called when a data connection has arrived at the port of a Worker. */
  onArrival: (thread: LaneThread, arrival: LaneArrival) => void = () => {};

  constructor(options: LaneThreadsOptions) {
    this.#options = options;
  }

  /**
   * The thread for another lane: a new one, or the one with the fewest; `undefined` where there can be none. With `root`
   * it is tried whether descriptors are left.
   */
  async take(root: Directory | undefined): Promise<LaneThread | undefined> {
    while (this.#starting) await this.#starting;
    if (this.#isEnded || !root) return undefined;
    if (!this.#cannot && this.#threads.length < this.#max) {
      this.#starting = this.#start(root).finally(() => this.#starting = undefined);
      const thread = await this.#starting;
      if (thread) return thread;
    }
    return this.#threads.filter((thread) => !thread.hasFailed).sort((a, b) => a.lanes - b.lanes)[0];
  }

  /** Number of further Workers that would find a processor, where so many threads have one each already. */
  spareBeside(mainThreads: number): number {
    if (this.#cannot) return 0;
    return Math.max(
      0,
      Math.min(navigator.hardwareConcurrency - mainThreads, this.#max) - this.#threads.length,
    );
  }

  /** A data connection that a Worker opens. @throws {RcopyError} when the port does not answer */
  async dial(
    thread: LaneThread,
    role: Role,
    place: { address: PeerAddress; transport: ClientTransport; join: Join },
  ): Promise<DataConnection> {
    const lane = ++this.#laneCount;
    const { peer } = await counted(thread, thread.call(lane, "dial", { role, ...place }));
    const { RemoteConnection } = await import("./remote_connection.ts");
    return new RemoteConnection({ thread, lane, peer });
  }

  /** A data connection that came to a Worker's own port. @throws {RcopyError} when the Worker has ended */
  async admit(thread: LaneThread, role: Role, arrival: LaneArrival): Promise<DataConnection> {
    const lane = ++this.#laneCount;
    await counted(thread, thread.call(lane, "admit", { arrival: arrival.arrival, role }));
    const { RemoteConnection } = await import("./remote_connection.ts");
    return new RemoteConnection({ thread, lane, peer: arrival.peer });
  }

  /** Ends all threads; their lanes are over. Throws nothing. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#starting;
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  async #start(root: Directory): Promise<LaneThread | undefined> {
    const { engine, onNote } = this.#options;
    const why = this.#whyNot(engine, root);
    if (why) {
      this.#cannot = true;
      onNote(`no further thread for data connections: ${why}`);
      return undefined;
    }
    try {
      const { LaneThread } = await import("./thread.ts");
      const thread = await LaneThread.start(engine.kind);
      thread.onArrival = (arrival) => this.onArrival(thread, arrival);
      this.#threads.push(thread);
      return thread;
    } catch (error) {
      this.#cannot = true;
      onNote(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #whyNot(engine: Engine, root: Directory): string | undefined {
    const isOnDisk = programFolder.protocol === "file:" && !Deno.build.standalone;
    // A Worker reads the program's files again. Never ask a person for that.
    if (isOnDisk && !mayRead(programFolder)) {
      return "Deno was not given --allow-read for the program's own files";
    }
    if (!engine.hasDescriptors(root, threadDescriptors)) return "the limit on open files is low";
    if (Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" }).state !== "granted") {
      return undefined;
    }
    return Deno.systemMemoryInfo().available < threadBytes ? "memory is short" : undefined;
  }
}

/** Counts a lane of the thread from now on, unless it cannot be had; the lane itself ends the count when it closes. */
async function counted<T>(thread: LaneThread, opening: Promise<T>): Promise<T> {
  thread.lanes++;
  try {
    return await opening;
  } catch (error) {
    thread.lanes--;
    throw error;
  }
}

function mayRead(path: URL): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
