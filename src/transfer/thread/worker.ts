/**
 * A thread for data connections: it reads, hashes, sends, receives and creates what the main thread tells it to, and
 * decides nothing. `thread/threads.ts` starts it, `thread/remote_io.ts` speaks to it, `thread/calls.ts` is what they say.
 */
import { asRcopyError, assert, RcopyError } from "../../base/errors.ts";
import { chooseEngine } from "../../io/choose_engine.ts";
import type { SocketOptions } from "../../io/contract/sockets.ts";
import type { Engine, Lent, SourceFile, TargetFile } from "../../io/contract/engine.ts";
import type { TcpChannel } from "../../net/channel.ts";
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
} from "./calls.ts";
import { readsOf, writesOf } from "./jobs.ts";
import type { ArrivedFrame } from "../lane/lane_io.ts";
import { LocalReceiveIo } from "../lane/local_receive_io.ts";
import { LocalSendIo } from "../lane/local_send_io.ts";
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

class Lane {
  readonly account = new StageAccount();
  readonly io: LocalSendIo | LocalReceiveIo;
  /** Frames whose slices are in use, by number. */
  readonly #frames = new Map<number, ArrivedFrame>();
  #frameCount = 0;

  constructor(role: Role, channel: TcpChannel, engine: Engine) {
    this.io = role === "sender"
      ? new LocalSendIo(channel, engine, this.account)
      : new LocalReceiveIo(channel, engine, this.account);
  }

  get sending(): LocalSendIo {
    assert(this.io instanceof LocalSendIo, "a lane of a sender");
    return this.io;
  }

  get receiving(): LocalReceiveIo {
    assert(this.io instanceof LocalReceiveIo, "a lane of a receiver");
    return this.io;
  }

  /** Keeps a frame until the frame after the next, as its slice does. */
  keep(frame: ArrivedFrame): number {
    const number = this.#frameCount++;
    this.#frames.set(number, frame);
    this.#frames.delete(number - 2);
    return number;
  }

  frame(number: number): ArrivedFrame {
    const frame = this.#frames.get(number);
    assert(frame, "a frame whose slice is still its own");
    return frame;
  }

  takeCounts(): LaneCounts {
    const { bytesRead, bytesWritten } = this.io;
    return { bytesRead, bytesWritten, stages: this.account.take() };
  }
}

class LaneWorker {
  #sockets: SocketOptions | undefined;
  #engine: Engine | undefined;
  #sources: BorrowedFiles<SourceFile> | undefined;
  #targets: BorrowedFiles<TargetFile> | undefined;
  readonly #lanes = new Map<number, Lane>();
  #listener: PeerListener | undefined;
  readonly #arrived = new Map<number, { channel: TcpChannel; answer: () => void }>();
  #arrivalCount = 0;

  async onRequest({ call, lane, method, argument }: LaneRequest): Promise<void> {
    let answer: LaneAnswer;
    try {
      const run = this.#methods[method] as (lane: number, argument: unknown) => unknown;
      const value = await run(lane, argument) as LaneMethods[LaneMethod][1];
      answer = { call, value, counts: this.#lanes.get(lane)?.takeCounts() };
    } catch (thrown) {
      answer = { call, error: plainOf(asRcopyError(thrown)), counts: this.#lanes.get(lane)?.takeCounts() };
    }
    port.postMessage(answer);
    if (method === "end") port.close();
  }

  get #opened(): Engine {
    assert(this.#engine, "a Worker's engine is opened first");
    return this.#engine;
  }

  #lane(number: number): Lane {
    const lane = this.#lanes.get(number);
    assert(lane, "a lane that is open");
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
      const channel = await dialOne(address, transport, AbortSignal.timeout(dialMs));
      try {
        await sendJoin(channel, join);
        this.#lanes.set(number, new Lane(role, channel, this.#opened));
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
    admit: (number, { arrival, role }) => {
      const { channel, answer } = this.#arrived.get(arrival)!;
      this.#arrived.delete(arrival);
      this.#lanes.set(number, new Lane(role, channel, this.#opened));
      answer();
    },
    turnAway: (_, { arrival }) => {
      const { channel, answer } = this.#arrived.get(arrival)!;
      this.#arrived.delete(arrival);
      channel.close();
      answer();
    },
    readFiles: async (number, { turn, job }) => {
      const files = readsOf(this.#opened, job);
      const hashes = await this.#lane(number).sending.readFiles(turn, files).finish();
      return { hashes, failed: failedRows(files) };
    },
    readExtent: (number, { turn, file: lent, offset, bytes }) =>
      this.#sources!.with(
        lent,
        (file) => this.#lane(number).sending.readExtent(turn, file, offset, bytes).finish(),
      ),
    write: (number, { turn, head, payloadBytes }) =>
      this.#lane(number).sending.write(turn, head, payloadBytes),
    next: async (number) => {
      const lane = this.#lane(number);
      const frame = await lane.receiving.next();
      return frame && { ...frame, frame: lane.keep(frame) };
    },
    placeFiles: async (number, { frame, job, hashes }) => {
      const lane = this.#lane(number);
      const files = writesOf(this.#opened, job);
      const sound = await lane.receiving.placeFiles(lane.frame(frame), files, hashes).finish();
      return { sound, failed: failedRows(files) };
    },
    writeExtent: (number, { frame, file: lent, offset }) => {
      const lane = this.#lane(number);
      return this.#targets!.with(
        lent,
        (file) => lane.receiving.writeExtent(lane.frame(frame), file, offset).finish(),
      );
    },
    close: (number) => {
      this.#lanes.get(number)?.io.close();
      this.#lanes.delete(number);
    },
    end: () => {
      this.#listener?.[Symbol.dispose]();
      for (const { io } of this.#lanes.values()) io.close();
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
        // Who has not proved itself on control knows no token.
        if (handshake.of !== "data") throw new RcopyError("protocol", "this port is for data connections");
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
