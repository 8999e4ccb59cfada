/** The receiving side of a data connection, in this thread. */
import { Codec } from "../../codec/codec.ts";
import { allBlocks, rangesOf, spreadBlocks } from "../../codec/blocks.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import type { Engine, FileWrite, Pending, SourceFile, TargetFile } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { hashAt, sameHash } from "../../codec/hash.ts";
import { readJoined } from "../../meet/handshake.ts";
import { hashBytes } from "../../wire/limits.ts";
import type { UnitHead } from "../../wire/data.ts";
import type { StageAccount } from "../session/stage_account.ts";
import type { ArrivedUnit, LaneContext, PatchedExtent, ReceiveIo } from "./lane_io.ts";
import { type LocalContext, LocalIo } from "./local_io.ts";
import { readerArenaBytes, type ReadUnit, UnitReader } from "./unit_reader.ts";

export class LocalReceiveIo extends LocalIo implements ReceiveIo {
  readonly #codec = Codec.open({ arenaBytes: readerArenaBytes });
  readonly #reader: UnitReader;
  #awaitsJoined: boolean;

  constructor(channel: Channel, context: LocalContext) {
    super(channel, context);
    this.#awaitsJoined = context.isOpener ?? false;
    this.#reader = new UnitReader(channel, this.#codec, context.account);
  }

  async next(): Promise<ArrivedUnit | undefined> {
    if (this.#awaitsJoined) await readJoined(this.channel);
    this.#awaitsJoined = false;
    const unit = await this.#reader.next();
    return unit && new LocalUnit(unit, this.#codec, this);
  }
}

/** A unit in the codec's memory. */
class LocalUnit implements ArrivedUnit {
  readonly message: UnitHead;
  readonly payloadBytes: number;
  readonly hashes: Uint8Array;
  readonly hash: Uint8Array | undefined;
  readonly #payloadOffset: number;
  readonly #codec: Codec;
  readonly #engine: Engine;
  readonly #account: StageAccount;

  constructor(
    { message, hashes, payloadOffset, payloadBytes }: ReadUnit,
    codec: Codec,
    context: LaneContext,
  ) {
    this.message = message;
    this.hashes = hashes;
    this.payloadBytes = payloadBytes;
    this.#payloadOffset = payloadOffset;
    this.#codec = codec;
    this.#engine = context.engine;
    this.#account = context.account;
    this.hash = message.kind === "extent" ? this.#hashPayload() : undefined;
  }

  placeFiles(files: FileWrite[], hashes: Uint8Array): Pending<Uint8Array> {
    const account = this.#account;
    for (const file of files) file.offset += this.#payloadOffset;
    const began = performance.now();
    const found = hashFilesInPlace(
      this.#codec,
      files.map((file) => file.offset),
      files.map((file) => file.size),
    );
    const placing = account.book("verify", began);
    const sound = new Uint8Array(files.length);
    for (let i = 0; i < files.length; i++) {
      sound[i] = sameHash(hashAt(found, i), hashes, i * hashBytes) ? 1 : 0;
    }
    const writes = sound.includes(0) ? files.filter((_, i) => sound[i] === 1) : files;
    const pending = this.#engine.createFiles(writes, this.#codec.memory);
    account.book("place", placing);
    return { finish: () => account.finish("place", pending, () => sound) };
  }

  writeExtent(file: TargetFile, offset: number): Pending {
    return this.#write(file, offset, this.payloadBytes);
  }

  #write(file: TargetFile, offset: number, bytes: number): Pending {
    const account = this.#account;
    const payload = this.#codec.memory.subarray(this.#payloadOffset, this.#payloadOffset + bytes);
    const began = performance.now();
    const pending = this.#engine.writeRange(file, offset, payload);
    account.book("place", began);
    return { finish: () => account.finish("place", pending, () => {}) };
  }

  patchExtent(patched: PatchedExtent): Pending<boolean> {
    const patching = this.#patch(patched);
    patching.catch(() => {}); // `finish` gives the error
    return { finish: () => patching };
  }

  /** The slice has room for the whole extent: its own blocks move to their places, the others are read between them. */
  async #patch({ basis, file, offset, bytes, blocks }: PatchedExtent): Promise<boolean> {
    const began = performance.now();
    spreadBlocks(this.#codec.memory, this.#payloadOffset, bytes, blocks);
    const moved = this.#account.book("verify", began);
    const isRead = await this.#readAround(basis, { offset, bytes, blocks });
    this.#account.wait("read", moved);
    if (!isRead || !sameHash(this.#hashPayload(bytes), this.hashes)) return false;
    await this.#write(file, offset, bytes).finish();
    return true;
  }

  /** Reads the blocks of the older version that the patch does not have. */
  async #readAround(
    basis: SourceFile,
    { offset, bytes, blocks }: Omit<PatchedExtent, "basis" | "file">,
  ): Promise<boolean> {
    const { memory } = this.#codec;
    for (const { start, bytes: length } of rangesOf((allBlocks(bytes) & ~blocks) >>> 0, bytes)) {
      const at = this.#payloadOffset + start;
      try {
        await this.#engine.readRange(basis, offset + start, memory.subarray(at, at + length)).finish();
      } catch {
        return false; // it is asked for again, whole
      }
    }
    return true;
  }

  #hashPayload(bytes = this.payloadBytes): Uint8Array {
    const began = performance.now();
    const { memory, scratch } = this.#codec;
    this.#codec.hash(this.#payloadOffset, bytes, scratch.offset);
    this.#account.book("verify", began);
    return memory.slice(scratch.offset, scratch.offset + hashBytes);
  }
}
