/** A data connection that this thread moves. */
import type { Channel } from "../../net/channel.ts";
import type { DataConnection, LaneContext, ReceiveIo, SendIo } from "./lane_io.ts";
import { LocalReceiveIo } from "./local_receive_io.ts";
import { LocalSendIo } from "./local_send_io.ts";

/** How a lane of this thread sends, and how its connection came to be. */
export interface LaneOptions {
  /** This end has opened the connection: the peer's answer to its join comes first. */
  isOpener?: boolean;
  /** Content bytes of a frame at most, 1 to 4 MiB; that limit unless told. */
  pieceBytes?: number;
}

export class LocalConnection implements DataConnection {
  readonly #channel: Channel;
  readonly #options: LaneOptions;

  constructor(channel: Channel, options: LaneOptions = {}) {
    this.#channel = channel;
    this.#options = options;
  }

  toSendIo(context: LaneContext): SendIo {
    return new LocalSendIo(this.#channel, { ...context, ...this.#options });
  }

  toReceiveIo(context: LaneContext): ReceiveIo {
    return new LocalReceiveIo(this.#channel, { ...context, ...this.#options });
  }

  close(): void {
    this.#channel.close();
  }
}
