/** The side of a transfer that has the files. The mirror image is `receiving_side.ts`. */
import type { Engine } from "../io/contract/engine.ts";
import type { Channel } from "../net/channel.ts";
import { FrameSplitter } from "../wire/frame_splitter.ts";
import type { Hello } from "../wire/hello.ts";
import { Sender } from "./send/sender.ts";
import { Control } from "./session/control.ts";
import { localHello } from "./session/hello.ts";
import { printableName } from "../base/show.ts";
import type { DescribedOffer, Preparation, Proposal, RunOptions, Session, Side } from "./side.ts";
import type { Transfer } from "./session/transfer.ts";
import { Prefetch } from "./source/prefetch.ts";
import { type SourceOptions, SourcePaths } from "./source/roots.ts";
import { DestinationIdentity, readBootId } from "./target/destination_identity.ts";

/** Sends its PATHs: of one directory the contents, else each path under its name. */
export class SendingSide implements Side, Disposable {
  readonly role = "sender";
  readonly #sources: SourcePaths;
  #prefetch: Prefetch | undefined;

  /** Says what is wrong with a PATH now, and not when the first receiver comes. @throws {RcopyError} `source-missing`, `usage` */
  constructor(engine: Engine, paths: readonly string[], options: SourceOptions = {}) {
    this.#sources = new SourcePaths(engine, paths, options);
  }

  get described(): DescribedOffer {
    const { form, name } = this.#sources.offer();
    const text = printableName(name);
    return text === undefined ? { form } : { form, name: text };
  }

  [Symbol.dispose](): void {
    this.#sources[Symbol.dispose]();
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

  propose(run: RunOptions, transfer: Transfer): Proposal {
    const { engine, timeoutMs, emit, signal, check } = run;
    const begin = (channel: Channel, peer: Hello): Session => {
      transfer.resumeWith(peer.placed);
      const bootIds = channel.sharesMachine ? [readBootId(), ""] : [readBootId()].filter((id) => id !== "");
      let identity: DestinationIdentity | undefined;
      return new Sender({
        control: new Control(channel, new FrameSplitter()),
        peer,
        engine,
        roots: this.#sources.take(),
        check,
        timeoutMs,
        emit,
        signal,
        transfer,
        cache: this.#prefetch,
        isDestination: ({ nonce, hash }, device, inode) => {
          if (hash.length === 0) return false;
          identity ??= new DestinationIdentity(nonce, bootIds);
          return identity.matches(hash, device, inode);
        },
      });
    };
    const { form, name, mode, mtime } = this.#sources.offer();
    const mtimeSeconds = BigInt(mtime.seconds);
    const hello = {
      ...localHello("sender", engine, run),
      ...{ form, name, mode, mtimeSeconds, mtimeNanos: mtime.nanos },
    };
    return { hello, begin };
  }
}
