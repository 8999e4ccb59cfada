/** The receiving side of a data connection, in this thread. */
import { Codec } from "../../codec/codec.ts";
import type { Engine, FileWrite, Pending, TargetFile } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import { type DataFrame, DataReader, readerSliceBytes } from "./data_reader.ts";
import type { ArrivedFrame, ReceiveIo, Turn } from "./lane_io.ts";
import { hashBytes } from "../../wire/limits.ts";
import { hashAt, sameHash } from "../../codec/hash.ts";
import { LocalIo } from "./local_io.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** The frame as it lies in the codec's memory. */
interface LocalFrame extends ArrivedFrame {
  payloadOffset: number;
}

export class LocalReceiveIo extends LocalIo implements ReceiveIo {
  readonly #codec = Codec.open({ arenaBytes: 2 * readerSliceBytes + 8192 });
  readonly #reader: DataReader;
  #turn: Turn = 1;

  constructor(channel: Channel, engine: Engine, account: StageAccount) {
    super(channel, engine, account);
    this.#reader = new DataReader(channel, this.#codec, account);
  }

  async next(): Promise<LocalFrame | undefined> {
    const frame = await this.#reader.next();
    if (!frame) return undefined;
    this.#turn = this.#turn === 0 ? 1 : 0;
    const { message, payloadOffset, payloadBytes } = frame;
    const hash = message.kind === "extent" ? this.#hashExtent(frame) : undefined;
    return { message, payloadBytes, payloadOffset, turn: this.#turn, hash };
  }

  placeFiles(frame: ArrivedFrame, files: FileWrite[], hashes: Uint8Array): Pending<Uint8Array> {
    const { payloadOffset } = frame as LocalFrame;
    for (const file of files) file.offset += payloadOffset;
    const began = performance.now();
    const found = hashFilesInPlace(
      this.#codec,
      files.map((file) => file.offset),
      files.map((file) => file.size),
    );
    this.account.book("verify", began);
    const sound = new Uint8Array(files.length);
    for (let i = 0; i < files.length; i++) {
      sound[i] = sameHash(hashAt(found, i), hashes, i * hashBytes) ? 1 : 0;
    }
    const writes = sound.includes(0) ? files.filter((_, i) => sound[i] === 1) : files;
    const placing = performance.now();
    const pending = this.engine.createFiles(writes, this.#codec.memory);
    this.account.book("place", placing);
    return { finish: () => this.account.finish("place", pending, () => sound) };
  }

  writeExtent(frame: ArrivedFrame, file: TargetFile, offset: number): Pending {
    const { payloadOffset, payloadBytes } = frame as LocalFrame;
    const payload = this.#codec.memory.subarray(payloadOffset, payloadOffset + payloadBytes);
    const began = performance.now();
    const pending = this.engine.writeRange(file, offset, payload);
    this.account.book("place", began);
    return { finish: () => this.account.finish("place", pending, () => {}) };
  }

  #hashExtent({ payloadOffset, payloadBytes }: DataFrame): Uint8Array {
    const began = performance.now();
    const { memory, scratch } = this.#codec;
    this.#codec.hash(payloadOffset, payloadBytes, scratch.offset);
    this.account.book("verify", began);
    return memory.slice(scratch.offset, scratch.offset + hashBytes);
  }
}
