/**
 * The two sides of a transfer, for whoever connects them: `serve.ts` where this end listens, `transfer/dial.ts` where it
 * dials. Neither of these knows which side it runs.
 *  SendingSide    has the files
 *  ReceivingSide  has the destination
 */
import type { Directory, Engine } from "../io/contract/engine.ts";
import type { Channel } from "../net/channel.ts";
import { FrameSplitter } from "../wire/frame_splitter.ts";
import type { Hello, Role } from "../wire/hello.ts";
import { Control } from "./session/control.ts";
import { DestinationIdentity, isEmptyDirectory, readBootId } from "./target/destination.ts";
import type { EventSink, TransferSummary } from "./session/events.ts";
import { localHello } from "./session/hello.ts";
import type { Streams } from "./supply/growth.ts";
import type { LaneSupply } from "./session/session_run.ts";
import type { LaneHost } from "./supply/host.ts";
import type { ReceivePolicy } from "./receive/policy.ts";
import { Receiver } from "./receive/receiver.ts";
import { Sender } from "./send/sender.ts";
import { Prefetch } from "./source/prefetch.ts";
import type { SourcePaths } from "./source/roots.ts";

/** What a session needs of the run that it is a part of. */
export interface RunOptions {
  engine: Engine;
  streams: Streams;
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

/** A sender or a receiver, ready to run. */
export interface Session extends LaneHost {
  /** Has it get data connections beside those that it gets at first. */
  useSupply(supply: LaneSupply): void;
  /** @throws {RcopyError} whatever ended the session without an agreed receipt */
  run(): Promise<TransferSummary>;
}

/** One session that is about to be agreed on. */
export interface Proposal {
  /** What this end says of itself; session and tokens are the listener's to add. */
  hello: Hello;
  /** The session with a peer that has said this of itself. */
  begin(channel: Channel, peer: Hello): Session;
}

/** One side of a transfer. */
export interface Side {
  readonly role: Role;
  /** @throws {RcopyError} where files or destination are not to be had */
  propose(run: RunOptions): Proposal;
  /** Uses the time until a peer comes, and ends early when one does or nobody will. Throws nothing. */
  prepare?(engine: Engine): Preparation;
}

/** Work that goes on until a peer comes. */
export interface Preparation extends AsyncDisposable {
  /** Ends the work soon. */
  stop(): void;
}

/** Sends `sources`: of one directory the contents, else each path under its name. */
export class SendingSide implements Side {
  readonly role = "sender";
  readonly #sources: SourcePaths;
  #prefetch: Prefetch | undefined;

  constructor(sources: SourcePaths) {
    this.#sources = sources;
  }

  prepare(engine: Engine): Preparation {
    const prefetch = this.#prefetch = new Prefetch(engine, this.#sources.paths);
    const running = prefetch.run();
    return {
      stop: () => prefetch.stop(),
      async [Symbol.asyncDispose]() {
        prefetch.stop();
        await running;
        prefetch[Symbol.dispose]();
      },
    };
  }

  propose(run: RunOptions): Proposal {
    const { engine, timeoutMs, emit, signal } = run;
    const begin = (channel: Channel, peer: Hello): Session => {
      const { destinationNonce, destinationHash } = peer;
      const bootIds = channel.sharesMachine ? [readBootId(), ""] : [readBootId()].filter((id) => id !== "");
      const identity = destinationHash.length > 0
        ? new DestinationIdentity(destinationNonce, bootIds)
        : undefined;
      return new Sender({
        control: new Control(channel, new FrameSplitter()),
        peer,
        engine,
        roots: this.#sources.take(),
        timeoutMs,
        emit,
        signal,
        cache: this.#prefetch,
        isDestination: (device, inode) => identity?.matches(destinationHash, device, inode) ?? false,
      });
    };
    return { hello: localHello("sender", engine, run), begin };
  }
}

export interface ReceivingOptions {
  /** Gives the destination, once there is a sender; absent only in a dry run. */
  destination: () => Directory | undefined;
  policy: ReceivePolicy;
}

/** Receives into a destination. */
export class ReceivingSide implements Side {
  readonly role = "receiver";
  readonly #options: ReceivingOptions;

  constructor(options: ReceivingOptions) {
    this.#options = options;
  }

  propose(run: RunOptions): Proposal {
    const { policy } = this.#options;
    const { engine, timeoutMs, emit, signal } = run;
    const destination = this.#options.destination();
    const hello = this.#hello(run, destination);
    const begin = (channel: Channel, peer: Hello): Session =>
      new Receiver({
        control: new Control(channel, new FrameSplitter()),
        peer,
        granted: hello,
        engine,
        destination,
        policy,
        timeoutMs,
        emit,
        signal,
      });
    return { hello, begin };
  }

  #hello(run: RunOptions, destination: Directory | undefined): Hello {
    const { engine } = run;
    const { dryRun } = this.#options.policy;
    const hello = { ...localHello("receiver", engine, run), dryRun };
    if (!destination) return hello;
    const nonce = crypto.getRandomValues(new Uint8Array(16));
    const { device, inode } = engine.identityOf(destination);
    return {
      ...hello,
      wantsAll: !dryRun && isEmptyDirectory(engine, destination),
      destinationNonce: nonce,
      destinationHash: new DestinationIdentity(nonce, [readBootId()]).hash(device, inode),
    };
  }
}
