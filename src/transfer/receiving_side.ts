/** The side of a transfer that has the destination. The mirror image is `sending_side.ts`. */
import { RcopyError } from "../base/errors.ts";
import { basename, dirname } from "../base/path.ts";
import { realPathOf } from "../base/real_path.ts";
import { showText } from "../base/show.ts";
import type { Directory, Engine } from "../io/contract/engine.ts";
import type { Channel } from "../net/channel.ts";
import { FrameSplitter } from "../wire/frame_splitter.ts";
import type { Destination, Hello } from "../wire/hello.ts";
import { AskedSession } from "./asked_session.ts";
import type { ReceivePolicy } from "./receive/policy.ts";
import { Consent } from "./receive/questions.ts";
import { Receiver } from "./receive/receiver.ts";
import { findSettingsPlaces, SettingsGuard } from "./receive/settings.ts";
import { Control } from "./session/control.ts";
import { localHello } from "./session/hello.ts";
import type { Transfer } from "./session/transfer.ts";
import type { Proposal, RunOptions, Session, Side } from "./side.ts";
import { isEmptyDirectory, lookAt, openDestination, type OpenedDestination } from "./target/destination.ts";
import { DestinationIdentity, readBootId } from "./target/destination_identity.ts";
import { type Landing, landingOf } from "./target/landing.ts";
import { RememberedPlaces } from "./remembered_places.ts";

const none = new Uint8Array(0);

/** Asks a person a question that takes yes or no. */
export type Ask = (question: string) => Promise<boolean>;

export interface ReceivingSideOptions {
  /** DEST; without it the sender's name for what it sends. */
  dest: string | undefined;
  policy: ReceivePolicy;
  /** `yes` answers every question. Without it what is there may be replaced, and every other answer is no. */
  ask?: Ask | "yes" | undefined;
  /** Ask before the first file is replaced in a directory that was not empty when it was first received into. */
  asksToReplace?: boolean;
}

/** The path of `./NAME`, of which the folder is there. */
function absolute(chosen: string): string {
  return `${realPathOf(dirname(chosen)) ?? dirname(chosen)}/${basename(chosen)}`;
}

/** A directory as it is remembered: another one that is made under its path later is not taken for it. */
function receivedPlace(directory: string): string | undefined {
  const real = realPathOf(directory);
  if (real === undefined) return undefined;
  try {
    const { ino, birthtime } = Deno.statSync(real);
    return `${real} (${ino ?? 0}, ${birthtime?.getTime() ?? 0})`;
  } catch {
    return undefined; // it is gone
  }
}

/** A session that is about to begin. */
interface Ends {
  peer: Hello;
  hello: Hello;
  run: RunOptions;
  transfer: Transfer;
}

/** Receives into DEST, or where the sender's name leads. */
export class ReceivingSide implements Side, Disposable {
  readonly role = "receiver";
  readonly #engine: Engine;
  readonly #options: ReceivingSideOptions;
  /** The directory that is open, by the path that led to it. */
  #opened: OpenedDestination & { path: string } | undefined;
  readonly #unfinished = RememberedPlaces.of("unfinished");
  readonly #received = RememberedPlaces.of("received");
  /** What this run has begun under the sender's name, as it is remembered until it is finished. */
  #begun: string | undefined;
  /** Where the sessions of a transfer land, once one of them has begun. */
  #landed: { transfer: Transfer; landing: Landing; consent: Consent } | undefined;

  /** Says what is wrong with DEST now; it is made only once there is a sender. @throws {RcopyError} `destination`, `usage` */
  constructor(engine: Engine, options: ReceivingSideOptions) {
    this.#engine = engine;
    this.#options = options;
    const { dest } = options;
    // One file may take the place of another; whether it is one, the sender says.
    if (dest !== undefined && lookAt(dest) !== "other") this.#open(dest, false);
  }

  [Symbol.dispose](): void {
    if (!this.#opened) return;
    const { directory, metadata } = this.#opened;
    this.#opened = undefined;
    if (!this.#options.policy.dryRun) metadata?.apply(this.#engine, directory);
    this.#engine.closeDirectory(directory);
  }

  #lacksOfDestination(): number {
    return this.#opened?.metadata?.lacks(this.#engine, this.#opened.directory) ?? 0;
  }

  /** The copy has come to its end. */
  onDone(): void {
    if (this.#begun !== undefined) this.#unfinished.remove(this.#begun);
  }

  propose(run: RunOptions, transfer: Transfer): Proposal {
    const { dryRun } = this.#options.policy;
    const hello = { ...localHello("receiver", run.engine, run), dryRun, placed: transfer.placed };
    return { hello, begin: (channel, peer) => this.#begin(channel, { peer, hello, run, transfer }) };
  }

  #begin(channel: Channel, ends: Ends): Session {
    const { peer, run } = ends;
    const control = new Control(channel, new FrameSplitter());
    const { dest } = this.#options;
    // A session that goes on with a transfer lands where that does, whatever has come there meanwhile.
    const before = this.#landedBefore(ends.transfer)?.landing;
    const landing = before ?? landingOf({ dest, form: peer.form, name: peer.name, look: lookAt });
    const deed = before ? undefined : this.#deedOf(landing, peer);
    if (deed === undefined) return this.#receive(landing, { ...ends, control });
    const silenceMs = Math.min(run.timeoutMs, peer.timeoutMs);
    const begin = async () => {
      await this.#require(deed, landing);
      return this.#receive(landing, { ...ends, control });
    };
    const asksPerson = typeof this.#options.ask === "function";
    return new AskedSession({ engine: run.engine, control, silenceMs, asksPerson, begin });
  }

  /** What a person has to agree to before anything is copied, where something is there under a name that only the sender has chosen. */
  #deedOf({ chosen }: Landing, { form }: Hello): string | undefined {
    if (chosen === undefined || this.#opened?.path === chosen) return undefined;
    const found = lookAt(chosen);
    if (found === "nothing" || this.#unfinished.has(absolute(chosen))) return undefined;
    // Where a directory cannot go, nobody need be asked.
    if (found === "other" && form !== "file") return undefined;
    return found === "other" ? "replace it" : "copy into it";
  }

  /** @throws {RcopyError} `usage` where what is there is not to be touched */
  async #require(deed: string, { chosen }: Landing): Promise<void> {
    const { ask } = this.#options;
    const isThere = `"${showText(chosen!)}" is there already`;
    if (ask === "yes" || await ask?.(`${isThere}; ${deed}?`)) return;
    const others = `name another DEST, or to ${deed} say --yes`;
    const why = ask === undefined
      ? `${isThere}, under the sender's name for what it sends, and there is no terminal to ask on; ${others}`
      : `${isThere}, and is left as it is, as answered; ${others}`;
    throw new RcopyError("usage", why);
  }

  #receive(
    landing: Landing,
    { peer, hello, run, transfer, control }: Ends & { control: Control },
  ): Receiver {
    const { policy } = this.#options;
    const { engine, timeoutMs, emit, signal, check } = run;
    const isOneFile = peer.form === "file";
    if (isOneFile && peer.name.length === 0) {
      throw new RcopyError("protocol", "the peer sends a file without a name");
    }
    if (peer.check && policy.exists !== "changed") {
      const message = `the sender asks for --check; with --exists ${policy.exists} here nothing is compared`;
      emit({ type: "note", level: "warn", message });
    }
    // Absent only in a dry run.
    const destination = this.#open(landing.directory, !policy.dryRun, isOneFile ? undefined : peer);
    if (landing.chosen !== undefined && !policy.dryRun) {
      this.#begun = absolute(landing.chosen);
      this.#unfinished.add(this.#begun);
    }
    const consent = this.#landedBefore(transfer)?.consent ?? this.#consentFor(landing.directory);
    this.#landed = { transfer, landing, consent };
    const told = this.#told(destination, landing);
    // It is empty: whatever is in it later came by rcopy, what an interrupted copy leaves too.
    if (told.wantsAll) this.#remember(landing.directory);
    return new Receiver({
      control,
      peer,
      granted: hello,
      told,
      only: isOneFile ? { name: landing.rename } : undefined,
      engine,
      destination,
      lacksOfDestination: () => this.#lacksOfDestination(),
      made: this.#opened?.metadata?.made,
      policy,
      isDryRun: policy.dryRun,
      check,
      settings: this.#settings(landing.directory),
      consent,
      timeoutMs,
      emit,
      signal,
      transfer,
    });
  }

  #landedBefore(transfer: Transfer): { landing: Landing; consent: Consent } | undefined {
    return this.#landed?.transfer === transfer ? this.#landed : undefined;
  }

  /** Opens the directory that things land in, which may have been opened before. */
  #open(path: string, create: boolean, peer?: Hello): Directory | undefined {
    if (this.#opened?.path === path) return this.#opened.directory;
    const isContents = peer?.form === "contents";
    const mtime = { seconds: Number(peer?.mtimeSeconds ?? 0n), nanos: peer?.mtimeNanos ?? 0 };
    const source = peer && isContents ? { mode: peer.mode, mtime } : undefined;
    const opened = openDestination(this.#engine, path, { create, source });
    if (!opened) return undefined;
    if (this.#opened) this.#engine.closeDirectory(this.#opened.directory);
    this.#opened = { path, ...opened };
    return opened.directory;
  }

  /** What guards the settings of homes, where any can be touched. */
  #settings(directory: string): SettingsGuard | undefined {
    const real = this.#options.policy.dotfiles ? undefined : realPathOf(directory);
    const guard = real === undefined ? undefined : new SettingsGuard(findSettingsPlaces(), real);
    return guard?.isIdle ? undefined : guard;
  }

  /** What a person is asked about a copy into a directory: before the first file is replaced there, and before settings change. */
  #consentFor(directory: string): Consent {
    const { ask, asksToReplace = false, policy } = this.#options;
    const known = receivedPlace(directory);
    // Nobody is asked about what is only looked at.
    const canAsk = typeof ask === "function" && !policy.dryRun;
    const mustAsk = canAsk && asksToReplace && known !== undefined && !this.#received.has(known);
    return new Consent({
      ask: canAsk ? ask : undefined,
      answers: {
        ...mustAsk ? {} : { replace: true },
        ...canAsk ? {} : { settings: ask === "yes" },
      },
      shown: `"${showText(directory)}"`,
      onAnswer: (matter, answer) => {
        if (matter === "replace" && answer) this.#remember(directory);
      },
    });
  }

  #remember(directory: string): void {
    const known = receivedPlace(directory);
    if (known !== undefined) this.#received.add(known);
  }

  #told(destination: Directory | undefined, { rename }: Landing): Destination {
    const told: Destination = {
      kind: "destination",
      wantsAll: false,
      nonce: none,
      hash: none,
      name: rename ?? none,
    };
    if (!destination) return told;
    const nonce = crypto.getRandomValues(new Uint8Array(16));
    const { device, inode } = this.#engine.identityOf(destination);
    return {
      ...told,
      wantsAll: !this.#options.policy.dryRun && isEmptyDirectory(this.#engine, destination),
      nonce,
      hash: new DestinationIdentity(nonce, [readBootId()]).hash(device, inode),
    };
  }
}
