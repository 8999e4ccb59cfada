/** A data connection that a Worker moves. */
import type { DataConnection, LaneContext, ReceiveIo, SendIo } from "../lane/lane_io.ts";
import { RemoteReceiveIo, RemoteSendIo } from "./remote_io.ts";
import { RemoteLane, type RemoteLaneOptions } from "./remote_lane.ts";

export class RemoteConnection implements DataConnection {
  readonly #lane: RemoteLane;

  constructor(options: RemoteLaneOptions) {
    this.#lane = new RemoteLane(options);
  }

  toSendIo(context: LaneContext): SendIo {
    return new RemoteSendIo(this.#lane, context);
  }

  toReceiveIo(context: LaneContext): ReceiveIo {
    return new RemoteReceiveIo(this.#lane, context);
  }

  close(): void {
    this.#lane.close();
  }
}
