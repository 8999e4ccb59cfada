/** What the two I/Os of a data connection in this thread have in common: the connection. */
import type { Engine } from "../../io/contract/engine.ts";
import type { Channel, LaneConnection } from "../../net/channel.ts";
import type { LaneContext } from "./lane_io.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** The context of an I/O, and how its connection came to be. */
export interface LocalContext extends LaneContext {
  /** This end has opened the connection: the peer's answer to its join comes first. */
  isOpener?: boolean;
}

export abstract class LocalIo implements LaneConnection, LaneContext {
  protected readonly channel: Channel;
  readonly engine: Engine;
  readonly account: StageAccount;

  constructor(channel: Channel, { engine, account }: LaneContext) {
    this.channel = channel;
    this.engine = engine;
    this.account = account;
  }

  get peer(): string {
    return this.channel.peer;
  }

  get bytesRead(): number {
    return this.channel.bytesRead;
  }

  get bytesWritten(): number {
    return this.channel.bytesWritten;
  }

  close(): void {
    this.channel.close();
  }
}
