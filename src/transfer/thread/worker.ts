/**
 * A thread for data connections: it reads, hashes, sends, receives and creates what the main thread tells it to, and
 * decides nothing. `thread/threads.ts` starts it, `thread/remote_io.ts` speaks to it, `thread/calls.ts` is what they say.
 */
import { asRcopyError, assert, RcopyError } from "../../base/errors.ts";
import { chooseEngine } from "../../io/choose_engine.ts";
import type { SocketOptions } from "../../io/contract/sockets.ts";
import type { Engine, Lent, SourceFile, TargetFile } from "../../io/contract/engine.ts";
import type { Channel, LaneConnection } from "../../net/channel.ts";
import { dialOne } from "../../net/dial.ts";
import { listenForPeers, type ListenOptions, type PeerListener } from "../../net/listen.ts";
import { Admission } from "../../meet/admission.ts";
import {
  type FailedRow,
  type LaneAnswer,
  type LaneArrival,
  type LaneCounts,
  type LaneMethod,
  type LaneMethods,
  type LaneRequest,
  plainOf,
  type PlainUnit,
} from "./calls.ts";
import { readsOf, writesOf } from "./jobs.ts";
import type { ArrivedUnit } from "../lane/lane_io.ts";
import { LocalReceiveIo } from "../lane/local_receive_io.ts";
import { LocalSendIo } from "../lane/local_send_io.ts";
import { answerHandshake, answerJoin } from "../../meet/authenticate.ts";
import { closeOf } from "../../meet/farewell.ts";
import { sendJoin } from "../../meet/handshake.ts";
import type { Role } from "../../wire/hello.ts";
import { StageAccount } from "../session/stage_account.ts";

/** The Worker's side of its port to the main thread. */
const port = globalThis as unknown as {
  onmessage: ((event: MessageEvent<LaneRequest>) => void) | null;
  postMessage(message: LaneAnswer | LaneArrival): void;
  close(): void;
};

/** A lane cannot wait for its connection longer than the peer takes to see that this port does not answer. */
const dialMs = 1_000;
/** Large files that a lane keeps open. */
const filesMax = 4;

type Methods = {
  [Method in LaneMethod]: (
    lane: number,
    argument: LaneMethods[Method][0],
  ) => LaneMethods[Method][1] | Promise<LaneMethods[Method][1]>;
};

/** Large files of the main thread, opened here as long as they are among the last few in use. */
class BorrowedFiles<File> {
  readonly #open = new Map<number, { file: File; users: number }>();
  readonly #borrow: (lent: Lent) => File;
  readonly #close: (file: File) => void;

  constructor(borrow: (lent: Lent) => File, close: (file: File) => void) {
    this.#borrow = borrow;
    this.#close = close;
  }

  /** Runs `use` with the file open. */
  async with<T>(lent: Lent, use: (file: File) => T | Promise<T>): Promise<T> {
    const borrowed = this.#open.get(lent.id) ?? { file: this.#borrow(lent), users: 0 };
    this.#open.delete(lent.id);
    this.#open.set(lent.id, borrowed);
    borrowed.users++;
    try {
      return await use(borrowed.file);
    } finally {
      borrowed.users--;
      this.#closeBeyond(filesMax);
    }
  }

  closeAll(): void {
    this.#closeBeyond(0);
  }

  #closeBeyond(count: number): void {
    for (const [id, { file, users }] of this.#open) {
      if (this.#open.size <= count) return;
      if (users > 0) continue;
      this.#open.delete(id);
      this.#close(file);
    }
  }
}

/** The engine of a lane, and whether this end opened its connection. */
interface OpenedContext {
  engine: Engine;
  isOpener: boolean;
}

/** A data connection, its I/O, and what it has counted. */
abstract class Lane {
  readonly account = new StageAccount();
  abstract readonly io: LaneConnection;

  takeCounts(): LaneCounts {
    const { bytesRead, bytesWritten } = this.io;
    return { bytesRead, bytesWritten, stages: this.account.take() };
  }
}

class SendingLane extends Lane {
  readonly io: LocalSendIo;

  constructor(channel: Channel, context: OpenedContext) {
    super();
    this.io = new LocalSendIo(channel, { ...context, account: this.account });
  }
}

class ReceivingLane extends Lane {
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

class LaneWorker {
  #sockets: SocketOptions | undefined;
  #engine: Engine | undefined;
  #sources: BorrowedFiles<SourceFile> | undefined;
  #targets: BorrowedFiles<TargetFile> | undefined;
  readonly #sending = new Map<number, SendingLane>();
  readonly #receiving = new Map<number, ReceivingLane>();
  #listener: PeerListener | undefined;
  readonly #arrived = new Map<number, { channel: Channel; answer: () => void }>();
  #arrivalCount = 0;

  async onRequest({ call, lane, method, argument }: LaneRequest): Promise<void> {
    let answer: LaneAnswer;
    try {
      const run = this.#methods[method] as (lane: number, argument: unknown) => unknown;
      const value = await run(lane, argument) as LaneMethods[LaneMethod][1];
      answer = { call, value, counts: this.#laneOf(lane)?.takeCounts() };
    } catch (thrown) {
      answer = { call, error: plainOf(asRcopyError(thrown)), counts: this.#laneOf(lane)?.takeCounts() };
    }
    port.postMessage(answer);
    if (method === "end") port.close();
  }

  get #opened(): Engine {
    assert(this.#engine, "a Worker's engine is opened first");
    return this.#engine;
  }

  #laneOf(number: number): Lane | undefined {
    return this.#sending.get(number) ?? this.#receiving.get(number);
  }

  #add(number: number, role: Role, channel: Channel, isOpener = false): void {
    const context = { engine: this.#opened, isOpener };
    if (role === "sender") this.#sending.set(number, new SendingLane(channel, context));
    else this.#receiving.set(number, new ReceivingLane(channel, context));
  }

  #sendingLane(number: number): SendingLane {
    const lane = this.#sending.get(number);
    assert(lane, "a lane of a sender that is open");
    return lane;
  }

  #receivingLane(number: number): ReceivingLane {
    const lane = this.#receiving.get(number);
    assert(lane, "a lane of a receiver that is open");
    return lane;
  }

  readonly #methods: Methods = {
    start: async (_, { engine: kind }) => {
      const { engine, sockets } = await chooseEngine(kind);
      this.#engine = engine;
      this.#sockets = sockets;
      this.#sources = new BorrowedFiles(
        (lent) => engine.borrowSource(lent),
        (file) => engine.closeSource(file),
      );
      this.#targets = new BorrowedFiles(
        (lent) => engine.borrowTarget(lent),
        (file) => engine.abandonTarget(file),
      );
    },
    dial: async (number, { role, address, transport, join }) => {
      const channel = await dialOne(address, { transport, signal: AbortSignal.timeout(dialMs) });
      try {
        await sendJoin(channel, join);
        this.#add(number, role, channel, true);
      } catch (error) {
        channel.close();
        throw error;
      }
      return { peer: channel.peer };
    },
    listen: (_, { bind, local, transport }) => {
      const onTlsOpened = (port: number) => this.#sockets?.sendAtOnce(port);
      this.#listener ??= this.#listen({ port: 0, bind, local, onTlsOpened }, transport);
      return { port: this.#listener.port };
    },
    admit: async (number, { arrival, role }) => {
      const { channel, answer } = this.#arrived.get(arrival)!;
      this.#arrived.delete(arrival);
      // A peer that is gone already is found lost by the lane.
      await answerJoin(channel, { kind: "joined" }).catch(() => {});
      this.#add(number, role, channel);
      answer();
    },
    turnAway: async (_, { arrival }) => {
      const { channel, answer } = this.#arrived.get(arrival)!;
      this.#arrived.delete(arrival);
      const refusal = new RcopyError("refused", "a data connection did not know its session");
      await answerJoin(channel, closeOf(refusal)).catch(() => {});
      channel.close();
      answer();
    },
    readFiles: async (number, { turn, job }) => {
      const files = readsOf(this.#opened, job);
      const hashes = await this.#sendingLane(number).io.readFiles(turn, files).finish();
      return { hashes, failed: failedRows(files) };
    },
    readExtent: (number, { turn, file: lent, offset, bytes }) =>
      this.#sources!.with(
        lent,
        (file) => this.#sendingLane(number).io.readExtent(turn, file, offset, bytes).finish(),
      ),
    write: (number, { turn, unit }) => this.#sendingLane(number).io.write(turn, unit),
    next: async (number) => {
      const lane = this.#receivingLane(number);
      const unit = await lane.io.next();
      return unit && lane.keep(unit);
    },
    placeFiles: async (number, { unit, job, hashes }) => {
      const files = writesOf(this.#opened, job);
      const sound = await this.#receivingLane(number).unit(unit).placeFiles(files, hashes).finish();
      return { sound, failed: failedRows(files) };
    },
    writeExtent: (number, { unit, file: lent, offset }) => {
      const arrived = this.#receivingLane(number).unit(unit);
      return this.#targets!.with(lent, (file) => arrived.writeExtent(file, offset).finish());
    },
    close: (number) => {
      this.#laneOf(number)?.io.close();
      this.#sending.delete(number);
      this.#receiving.delete(number);
    },
    end: () => {
      this.#listener?.[Symbol.dispose]();
      for (const { io } of [...this.#sending.values(), ...this.#receiving.values()]) io.close();
      this.#sources?.closeAll();
      this.#targets?.closeAll();
      this.#engine?.[Symbol.dispose]();
    },
  };

  #listen(
    options: ListenOptions,
    transport: LaneMethods["listen"][0]["transport"],
  ): PeerListener {
    const listener = listenForPeers(options, transport);
    const admission = new Admission(listener, {
      // There may be eight such ports, beside the main one.
      descriptorsMax: Math.floor(this.#opened.descriptorsMax / 8),
      onHandshake: async (channel, handshake) => {
        // A peer that has not proved itself on control knows no token.
        if (handshake.of !== "data") {
          const error = new RcopyError("protocol", "this port is for data connections");
          await answerHandshake(channel, closeOf(error), handshake);
          throw error;
        }
        const arrival = this.#arrivalCount++;
        const answered = Promise.withResolvers<void>();
        this.#arrived.set(arrival, { channel, answer: answered.resolve });
        port.postMessage({ arrival, join: handshake.join, peer: channel.peer });
        await answered.promise;
      },
      // The main port's admission has told of strangers; here they are closed without a word.
      onNote: () => {},
    });
    void admission.run();
    return listener;
  }
}

function failedRows(files: readonly { error?: RcopyError | undefined }[]): FailedRow[] {
  const failed: FailedRow[] = [];
  for (const [row, { error }] of files.entries()) if (error) failed.push({ row, error: plainOf(error) });
  return failed;
}

const worker = new LaneWorker();
port.onmessage = ({ data }) => void worker.onRequest(data);
