/**
 * A thread for data connections: it reads, hashes, sends, receives and creates what the main thread tells it to, and
 * decides nothing. `thread/threads.ts` starts it, `thread/remote_io.ts` speaks to it, `thread/calls.ts` is what they say.
 */
import { asRcopyError, assert, RcopyError } from "../../base/errors.ts";
import { chooseEngine } from "../../io/choose_engine.ts";
import type { SocketOptions } from "../../io/contract/sockets.ts";
import type { Engine, FileRead, FileWrite, SourceFile, TargetFile } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { dialOne } from "../../net/dial.ts";
import { listenForPeers, type ListenOptions, type PeerListener } from "../../net/listen.ts";
import { Admission } from "../../meet/admission.ts";
import { BorrowedFiles } from "./borrowed_files.ts";
import {
  type LaneAnswer,
  type LaneArrival,
  type LaneMethod,
  type LaneMethods,
  type LaneRequest,
  plainOf,
  type RowOutcome,
} from "./calls.ts";
import { readsOf, writesOf } from "./jobs.ts";
import { ReceivingLane, SendingLane, type WorkerLane } from "./worker_lanes.ts";
import { answerHandshake, answerJoin } from "../../meet/authenticate.ts";
import { closeOf } from "../../meet/farewell.ts";
import { sendJoin } from "../../meet/handshake.ts";
import type { Role } from "../../wire/hello.ts";

/** The Worker's side of its port to the main thread. */
const port = globalThis as unknown as {
  onmessage: ((event: MessageEvent<LaneRequest>) => void) | null;
  postMessage(message: LaneAnswer | LaneArrival): void;
  close(): void;
};

/** A lane cannot wait for its connection longer than the peer takes to see that this port does not answer. */
const dialMs = 1_000;
type Methods = {
  [Method in LaneMethod]: (
    lane: number,
    argument: LaneMethods[Method][0],
  ) => LaneMethods[Method][1] | Promise<LaneMethods[Method][1]>;
};

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

  #laneOf(number: number): WorkerLane | undefined {
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
      return { hashes, outcomes: outcomesOf(files) };
    },
    readExtent: (number, { turn, file: lent, range }) =>
      this.#sources!.with(
        lent,
        (file) => this.#sendingLane(number).io.readExtent(turn, file, range).finish(),
      ),
    write: (number, { turn, unit }) => this.#sendingLane(number).io.write(turn, unit),
    watch: async (number) => plainOf(await this.#sendingLane(number).io.broken),
    next: async (number) => {
      const lane = this.#receivingLane(number);
      const unit = await lane.io.next();
      return unit && lane.keep(unit);
    },
    placeFiles: async (number, { unit, job, hashes }) => {
      const files = writesOf(this.#opened, job);
      const sound = await this.#receivingLane(number).unit(unit).placeFiles(files, hashes).finish();
      const lacks = Uint8Array.from(files, (file) => file.lacks ?? 0);
      return { sound, outcomes: outcomesOf(files), lacks };
    },
    writeExtent: (number, { unit, file: lent, offset }) => {
      const arrived = this.#receivingLane(number).unit(unit);
      return this.#targets!.with(lent, (file) => arrived.writeExtent(file, offset).finish());
    },
    patchExtent: (number, { unit, basis: lentBasis, file: lent, ...place }) => {
      const arrived = this.#receivingLane(number).unit(unit);
      return this.#sources!.with(
        lentBasis,
        (basis) =>
          this.#targets!.with(lent, (file) => arrived.patchExtent({ basis, file, ...place }).finish()),
      );
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

/** The files of a job of which there is something to say. */
function outcomesOf(files: readonly (Partial<FileRead> & Partial<FileWrite>)[]): RowOutcome[] {
  const outcomes: RowOutcome[] = [];
  for (const [row, { error, bytesRead, grownTo, isUnsized, lacks }] of files.entries()) {
    if (!error && bytesRead === undefined && grownTo === undefined && !lacks) continue;
    outcomes.push({ row, error: error && plainOf(error), bytesRead, grownTo, isUnsized, lacks });
  }
  return outcomes;
}

const worker = new LaneWorker();
port.onmessage = ({ data }) => void worker.onRequest(data);
