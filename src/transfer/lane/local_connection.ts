/** A data connection that this thread moves. */
import type { Channel } from "../../net/channel.ts";
import type { DataConnection, LaneContext, ReceiveIo, SendIo } from "./lane_io.ts";
import { LocalReceiveIo } from "./local_receive_io.ts";
import { LocalSendIo } from "./local_send_io.ts";

export class LocalConnection implements DataConnection {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  toSendIo(context: LaneContext): SendIo {
    return new LocalSendIo(this.#channel, context);
  }

  toReceiveIo(context: LaneContext): ReceiveIo {
    return new LocalReceiveIo(this.#channel, context);
  }

  close(): void {
    this.#channel.close();
  }
}
