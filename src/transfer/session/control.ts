/**
 * The control connection of a session.
 *  read   one loop: bytes → frames → `onMessage`, which queues and never waits
 *  write  one loop: frames given to `send` leave in order, many to a write
 * Neither loop waits for the other, for a lane or for the disk (rule 3 of PROTOCOL.md, "Order and credit").
 */
import { RcopyError } from "../../base/errors.ts";
import { pageMemory } from "../../base/page_memory.ts";
import type { Channel } from "../../net/channel.ts";
import { encodeFrame } from "../../wire/frame.ts";
import type { FrameSplitter } from "../../wire/frame_splitter.ts";
import type { Message } from "../../wire/message.ts";

const readBytes = 256 * 1024;
/** Frames that wait to be written are joined up to this many bytes a write. */
const writeBytesMax = 256 * 1024;

export class Control {
  readonly channel: Channel;
  readonly #splitter: FrameSplitter;
  #outgoing: Uint8Array<ArrayBuffer>[] = [];
  #pumping: Promise<void> | undefined;
  #failed: unknown;
  #queued = 0;
  #written = 0;

  /** `splitter` may hold bytes that came behind the hello. */
  constructor(channel: Channel, splitter: FrameSplitter) {
    this.channel = channel;
    this.#splitter = splitter;
  }

  /** Frames given to {@linkcode send} so far. */
  get queued(): number {
    return this.#queued;
  }

  /** Of those, the ones that the connection has taken. */
  get written(): number {
    return this.#written;
  }

  /** Bytes of the frame that brought the message at hand, header included. */
  get lastMessageBytes(): number {
    return this.#splitter.lastFrameBytes;
  }

  /**
   * Queues a message; it leaves as soon as those before it have left. Errors appear in {@linkcode flushed}.
   * @returns the bytes of its frame
   */
  send(message: Message): number {
    const frame = encodeFrame(message);
    this.#outgoing.push(frame);
    this.#queued++;
    this.#pumping ??= this.#pump();
    return frame.length;
  }

  /** Resolves when everything that was queued has been given to the connection; rejects with what broke it. */
  async flushed(): Promise<void> {
    while (this.#pumping) await this.#pumping;
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Reads until `onMessage` returns false. @throws {RcopyError} `protocol`, `peer-lost` (also at the end of the stream) */
  async readMessages(onMessage: (message: Message) => boolean): Promise<void> {
    const buffer = pageMemory(readBytes);
    for (;;) {
      for (let message = this.#splitter.next(); message; message = this.#splitter.next()) {
        if (!onMessage(message)) return;
      }
      const count = await this.channel.read(buffer);
      if (count === 0) {
        throw new RcopyError("peer-lost", `the peer at ${this.channel.peer} ended the connection too early`);
      }
      this.#splitter.push(buffer.subarray(0, count));
    }
  }

  async #pump(): Promise<void> {
    try {
      // Let the caller finish its turn first, so that what it sends together leaves together.
      await Promise.resolve();
      while (this.#outgoing.length > 0) {
        const waiting = this.#outgoing.length;
        const frames = this.#take();
        const taken = waiting - this.#outgoing.length;
        await this.channel.write(frames);
        this.#written += taken;
      }
    } catch (error) {
      this.#failed = error;
      this.#outgoing = [];
    } finally {
      this.#pumping = undefined;
    }
  }

  /** As many of the oldest frames as fit into one write. */
  #take(): Uint8Array<ArrayBuffer> {
    let bytes = 0;
    let count = 0;
    while (
      count < this.#outgoing.length && (count === 0 || bytes + this.#outgoing[count]!.length <= writeBytesMax)
    ) {
      bytes += this.#outgoing[count++]!.length;
    }
    const frames = this.#outgoing.splice(0, count);
    if (frames.length === 1) return frames[0]!;
    const joined = new Uint8Array(bytes);
    let at = 0;
    for (const frame of frames) {
      joined.set(frame, at);
      at += frame.length;
    }
    return joined;
  }
}
