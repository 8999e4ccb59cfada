/** A data connection that is in a Worker, by its number there: calls about it, and its end. */
import type { LaneCounts, LaneMethod, LaneMethods } from "./calls.ts";
import type { LaneThread } from "./thread.ts";

export interface RemoteLaneOptions {
  thread: LaneThread;
  /** Its number in the Worker. */
  lane: number;
  peer: string;
}

export class RemoteLane {
  /** Address and port of the other end, for messages. */
  readonly peer: string;
  readonly #thread: LaneThread;
  readonly #lane: number;
  #isClosed = false;

  constructor({ thread, lane, peer }: RemoteLaneOptions) {
    this.#thread = thread;
    this.#lane = lane;
    this.peer = peer;
  }

  /** Asks the Worker for something. `onCounts` is told what the lane has counted meanwhile, before the call settles. */
  call<Method extends LaneMethod>(
    method: Method,
    argument: LaneMethods[Method][0],
    onCounts: (counts: LaneCounts) => void,
  ): Promise<LaneMethods[Method][1]> {
    return this.#thread.call(this.#lane, method, argument, onCounts);
  }

  /** Closes the connection there. Twice is harmless. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#thread.lanes--;
    this.#thread.call(this.#lane, "close", undefined).catch(() => {});
  }
}
