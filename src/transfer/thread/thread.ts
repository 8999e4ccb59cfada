/** One Worker, seen from the main thread: calls, answers, and connections that arrive at its port. */
import { settlesWithin } from "../../base/deadline.ts";
import { RcopyError } from "../../base/errors.ts";
import {
  errorOf,
  type LaneAnswer,
  type LaneArrival,
  type LaneCounts,
  type LaneMethod,
  type LaneMethods,
} from "./calls.ts";
import { workerModule } from "./program_files.ts";

/** Milliseconds that a Worker has to close its files and connections before it is ended from outside. */
const endMs = 2_000;

interface Call {
  resolve: (value: never) => void;
  reject: (error: RcopyError) => void;
  onCounts: ((counts: LaneCounts) => void) | undefined;
}

export class LaneThread {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  #callCount = 0;
  #failure: RcopyError | undefined;
  /** Lanes that it has now. */
  lanes = 0;
  onArrival: (arrival: LaneArrival) => void = () => {};

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<LaneAnswer | LaneArrival>) => {
      if ("arrival" in data) this.onArrival(data);
      else this.#onAnswer(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(`a thread for data connections ended: ${event.message}`);
    };
    worker.onmessageerror = () => this.#fail("a message of a thread for data connections cannot be read");
  }

  /**
   * Starts a Worker with an engine of the given kind.
   * @throws {RcopyError} when it cannot be had: no permission to read the program's own files, no descriptors, …
   */
  static async start(engine: "uring" | "deno"): Promise<LaneThread> {
    let worker: Worker;
    try {
      worker = new Worker(workerModule, { type: "module", name: "rcopy lane" });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RcopyError("permission-flag", `cannot start a thread for data connections: ${reason}`, {
        cause,
      });
    }
    const thread = new LaneThread(worker);
    try {
      await thread.call(0, "start", { engine });
      return thread;
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Asks for something. `onCounts` is told what the lane has counted meanwhile, before the call settles. */
  call<Method extends LaneMethod>(
    lane: number,
    method: Method,
    argument: LaneMethods[Method][0],
    onCounts?: (counts: LaneCounts) => void,
  ): Promise<LaneMethods[Method][1]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const call = this.#callCount++;
    const { promise, resolve, reject } = Promise.withResolvers<LaneMethods[Method][1]>();
    this.#calls.set(call, { resolve, reject, onCounts });
    this.#worker.postMessage({ call, lane, method, argument });
    return promise;
  }

  /** Ends the Worker; its lanes have been closed and are done. Throws nothing. */
  async end(): Promise<void> {
    await settlesWithin(this.call(0, "end", undefined), endMs);
    this.#worker.terminate();
  }

  #onAnswer(answer: LaneAnswer): void {
    const call = this.#calls.get(answer.call);
    if (!call) return;
    this.#calls.delete(answer.call);
    if (answer.counts) call.onCounts?.(answer.counts);
    if ("error" in answer) call.reject(errorOf(answer.error));
    else call.resolve(answer.value as never);
  }

  #fail(message: string): void {
    this.#failure ??= new RcopyError("internal", message);
    for (const { reject } of this.#calls.values()) reject(this.#failure);
    this.#calls.clear();
  }
}
