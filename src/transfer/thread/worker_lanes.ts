/** The data connections of a Worker: each with its I/O, and with counts that the main thread takes along. */
import { assert } from "../../base/errors.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { Channel, LaneConnection } from "../../net/channel.ts";
import type { ArrivedUnit } from "../lane/lane_io.ts";
import { LocalReceiveIo } from "../lane/local_receive_io.ts";
import { LocalSendIo } from "../lane/local_send_io.ts";
import { StageAccount } from "../session/stage_account.ts";
import type { LaneCounts, PlainUnit } from "./calls.ts";

/** The engine of a lane, and whether this end opened its connection. */
interface OpenedContext {
  engine: Engine;
  isOpener: boolean;
}

/** A data connection, its I/O, and what it has counted. */
export abstract class WorkerLane {
  readonly account = new StageAccount();
  abstract readonly io: LaneConnection;

  takeCounts(): LaneCounts {
    const { bytesRead, bytesWritten } = this.io;
    return { bytesRead, bytesWritten, stages: this.account.take() };
  }
}

export class SendingLane extends WorkerLane {
  readonly io: LocalSendIo;

  constructor(channel: Channel, context: OpenedContext) {
    super();
    this.io = new LocalSendIo(channel, { ...context, account: this.account });
  }
}

export class ReceivingLane extends WorkerLane {
  readonly io: LocalReceiveIo;
  /** Units whose slices are in use, by number. */
  readonly #units = new Map<number, ArrivedUnit>();
  #unitCount = 0;

  constructor(channel: Channel, context: OpenedContext) {
    super();
    this.io = new LocalReceiveIo(channel, { ...context, account: this.account });
  }

  /** Keeps a unit until the unit after the next, as its slice does. */
  keep(unit: ArrivedUnit): PlainUnit {
    const number = this.#unitCount++;
    this.#units.set(number, unit);
    this.#units.delete(number - 2);
    const { message, payloadBytes, hashes, hash } = unit;
    return { unit: number, message, payloadBytes, hashes, hash };
  }

  unit(number: number): ArrivedUnit {
    const unit = this.#units.get(number);
    assert(unit, "a unit whose slice is still its own");
    return unit;
  }
}
