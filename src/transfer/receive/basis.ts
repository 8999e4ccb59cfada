/**
 * Large files of which there is an older version: what its blocks hash to is told, so that of each extent only what is new comes.
 * The mirror image is `send/basis.ts`. Read beside everything else, one file after the other.
 *  1. open    the file under the final name, or what an interrupted run set aside
 *  2. read    extent by extent, and hash its blocks; what is there already is passed over
 *  3. tell    as long as few extents are told of which nothing has come
 * A patch that comes is put together with what the older version has there, in the I/O of its lane.
 */
import { hashBlocks } from "../../codec/blocks.ts";
import { Codec, type Slice } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { baseName, temporaryName } from "../../entry/temporary_name.ts";
import type { Engine, SourceFile } from "../../io/contract/engine.ts";
import { blockBytes, extentBytes, toldExtentsMax } from "../../wire/limits.ts";
import { entryKey } from "../session/entry_key.ts";
import type { SessionRun } from "../session/session_run.ts";
import type { LargeTarget } from "../target/large_file.ts";
import { lookUp } from "../target/part.ts";
import type { HeldTarget } from "../target/tree.ts";
import { NetworkWatch } from "./network_watch.ts";
import type { DeltaPolicy } from "./policy.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

/** A smaller file is sent whole: what it would spare is not worth a round trip. */
const fileBytesMin = 16 * 1024 * 1024;
/** Extents that are told of together. */
const extentsTold = 8;
/** Older versions that are open at a time where the sender did not wait for them. */
const openMax = 64;
const none = new Uint8Array(0);

export interface ReceiveBasisOptions {
  run: SessionRun<"receiver">;
  engine: Engine;
  unsettled: ReceiveUnsettled;
  delta: DeltaPolicy;
}

/** A file of which blocks are told. */
interface ToldFile {
  target: LargeTarget;
  /** Extents that are told, and not there. */
  outstanding: Set<number>;
  /** The sender does not wait: it is told only where that is faster than what comes. */
  isOptional: boolean;
}

/** Hashes that are about to be told. */
interface Telling extends ToldFile {
  first: number;
  hashes: Uint8Array[];
}

export class ReceiveBasis {
  readonly #options: ReceiveBasisOptions;
  readonly #watch: NetworkWatch;
  #waiting: ToldFile[] = [];
  readonly #files = new Map<number, ToldFile>();
  /** Files under way whose older version was looked for. */
  readonly #lookedFor = new WeakSet<LargeTarget>();
  #isRunning = false;
  #hasEnded = false;
  #onRoom: (() => void) | undefined;

  constructor(options: ReceiveBasisOptions) {
    this.#options = options;
    this.#watch = new NetworkWatch(options.run.account, options.run.counts);
  }

  /** Whether an older version of a file of so many bytes is to be used, as far as is known now. */
  mayUse(bytes: number): boolean {
    const { delta } = this.#options;
    return bytes >= fileBytesMin && (delta === "always" || (delta === "auto" && this.#watch.isSlow));
  }

  /** Opens the older version of a file. @returns whether there is one, which is told of once the sender knows: {@linkcode add} */
  open(target: LargeTarget): boolean {
    if (target.basis || !this.mayUse(target.held.size)) return target.basis !== undefined;
    target.basis = this.#openBasis(target.held);
    return target.basis !== undefined;
  }

  /** The sender waits for what is told of a file that is open. */
  add(target: LargeTarget, isOptional = false): void {
    const file = { target, outstanding: new Set<number>(), isOptional };
    this.#files.set(entryKey(target.held.batch, target.held.entry), file);
    this.#waiting.push(file);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#options.run.tasks.start(() => this.#run());
  }

  /** Looks whether the sender can be told of more. */
  lookForRoom(): void {
    this.#onRoom?.();
  }

  /** Some times a second. Where the network turns out to be slow, what is under way goes on with older versions. */
  onTick(underWay: Iterable<LargeTarget>): void {
    this.lookForRoom();
    if (this.#options.delta !== "auto") return;
    this.#watch.look();
    if (!this.#watch.isSlow) return;
    this.#forgetSettled();
    for (const target of underWay) {
      if (this.#files.size >= openMax) return;
      if (target.basis || target.isEnded || this.#lookedFor.has(target)) continue;
      this.#lookedFor.add(target);
      if (this.open(target)) this.add(target, true);
    }
  }

  /** The session has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#waiting = [];
    this.#onRoom?.();
  }

  #openBasis({ directory, name }: HeldTarget): SourceFile | undefined {
    const { engine } = this.#options;
    const handle = directory.handle!;
    for (const one of [name, baseName(temporaryName(name))]) {
      const found = lookUp(engine, handle, one);
      if (found?.kind !== EntryKind.file || found.size < blockBytes) continue;
      try {
        return engine.openSource(handle, one, found);
      } catch {
        // It cannot be read, and is as good as not there.
      }
    }
    return undefined;
  }

  async #run(): Promise<void> {
    const { eventLoopYield } = this.#options.run;
    using codec = Codec.open({ arenaBytes: extentBytes });
    using slice = codec.arena.take(extentBytes);
    for (;;) {
      await eventLoopYield.now();
      const file = this.#waiting.shift();
      if (!file || this.#hasEnded) break;
      await this.#tellFile({ ...file, first: 0, hashes: [] }, { codec, slice });
    }
    this.#isRunning = false;
  }

  async #tellFile(file: Telling, memory: { codec: Codec; slice: Slice }): Promise<void> {
    const { engine } = this.#options;
    const { target } = file;
    // A handle of its own: the other is closed with the file, which may be whole before all is told.
    const source = target.isEnded ? undefined : this.#openBasis(target.held);
    try {
      if (source && !await this.#tellExtents(file, source, memory)) return;
    } finally {
      if (source) engine.closeSource(source);
    }
    if (!target.isEnded && !this.#hasEnded) this.#send(file, false);
  }

  /** @returns false where the sender is not to hear of it any more */
  async #tellExtents(
    file: Telling,
    source: SourceFile,
    { codec, slice }: { codec: Codec; slice: Slice },
  ): Promise<boolean> {
    const { engine, run } = this.#options;
    const { target, outstanding } = file;
    const size = Math.min(target.held.size, source.size, target.basis?.size ?? 0);
    const extents = Math.ceil(size / extentBytes);
    for (let index = 0; index < extents; index++) {
      await this.#room(file);
      if (this.#hasEnded || target.isEnded) return false;
      if (target.has(index)) continue;
      const bytes = target.bytesOf(index);
      const offset = index * extentBytes;
      const there = Math.min(bytes, source.size - offset);
      const began = performance.now();
      try {
        await engine.readRange(source, offset, slice.bytes.subarray(0, there)).finish();
      } catch {
        continue; // it comes whole
      }
      const read = run.account.wait("read", began);
      const hashes = hashBlocks(codec, slice.offset, bytes, there);
      const hashed = run.account.book("verify", read);
      if (file.isOptional && !this.#watch.isWorth(there, hashed - began)) return this.#drop(file);
      file.isOptional = false;
      if (this.#hasEnded || target.isEnded) return false;
      if (target.has(index)) continue;
      if (index !== file.first + file.hashes.length) this.#flush(file, index);
      file.hashes.push(hashes);
      target.setTold(index);
      outstanding.add(index);
      if (file.hashes.length === extentsTold) {
        this.#flush(file, index + 1);
        await run.control.flushed();
      }
      await run.eventLoopYield.ifDue();
    }
    this.#flush(file, extents);
    return true;
  }

  /** Reading takes longer than what it would save; what is under way comes whole. */
  #drop({ target }: ToldFile): false {
    target.dropBasis();
    return false;
  }

  /** Tells what is gathered; what follows begins with extent `next`. */
  #flush(file: Telling, next: number): void {
    if (file.hashes.length > 0) this.#send(file, true);
    file.hashes = [];
    file.first = next;
  }

  #send({ target, first, hashes }: Telling, more: boolean): void {
    const { batch, entry } = target.held;
    const table = new Uint8Array(hashes.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of hashes) {
      table.set(one, at);
      at += one.length;
    }
    const told = more ? { first, hashes: table } : { first, hashes: none };
    this.#options.run.control.send({ kind: "blocks", batch, entry, ...told, more });
  }

  /** Waits until another extent may be told. */
  async #room(file: Telling): Promise<void> {
    while (!this.#hasRoom() && !this.#hasEnded && !file.target.isEnded) {
      this.#flush(file, file.first + file.hashes.length);
      await new Promise<void>((resolve) => this.#onRoom = resolve);
    }
  }

  /** What has failed here counts until the sender knows that: until its batch is settled as well. */
  #forgetSettled(): void {
    for (const [key, { target }] of this.#files) {
      if (target.isEnded && !this.#options.unsettled.find(target.held.batch)) this.#files.delete(key);
    }
  }

  #hasRoom(): boolean {
    this.#forgetSettled();
    let extents = 0;
    for (const { target, outstanding } of this.#files.values()) {
      if (!target.isEnded) {
        for (const index of outstanding) if (target.has(index)) outstanding.delete(index);
      }
      extents += outstanding.size;
    }
    // Settlements that made room are told before what takes it.
    this.#options.unsettled.flush();
    return extents < toldExtentsMax;
  }
}
