/** The side of a transfer that has the destination. The mirror image is `sending_side.ts`. */
import type { Directory, Engine } from "../io/contract/engine.ts";
import type { Channel } from "../net/channel.ts";
import { FrameSplitter } from "../wire/frame_splitter.ts";
import type { Hello } from "../wire/hello.ts";
import type { ReceivePolicy } from "./receive/policy.ts";
import { Receiver } from "./receive/receiver.ts";
import { Control } from "./session/control.ts";
import { localHello } from "./session/hello.ts";
import type { Proposal, RunOptions, Session, Side } from "./side.ts";
import { isEmptyDirectory, openDestination } from "./target/destination.ts";
import { DestinationIdentity, readBootId } from "./target/destination_identity.ts";

/** Receives into the directory `dest`. */
export class ReceivingSide implements Side, Disposable {
  readonly role = "receiver";
  readonly #engine: Engine;
  readonly #dest: string;
  readonly #policy: ReceivePolicy;
  #opened: Directory | undefined;

  /** Says what is wrong with `dest` now; it is made only once there is a sender. @throws {RcopyError} `destination`, `usage` */
  constructor(engine: Engine, dest: string, policy: ReceivePolicy) {
    this.#engine = engine;
    this.#dest = dest;
    this.#policy = policy;
    this.#opened = openDestination(engine, dest, { create: false });
  }

  [Symbol.dispose](): void {
    if (this.#opened) this.#engine.closeDirectory(this.#opened);
    this.#opened = undefined;
  }

  propose(run: RunOptions): Proposal {
    const policy = this.#policy;
    const { engine, timeoutMs, emit, signal } = run;
    // Absent only in a dry run.
    const destination = this.#opened ??= openDestination(engine, this.#dest, { create: !policy.dryRun });
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
    const { dryRun } = this.#policy;
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
