/** Cuts the stream of a control connection into messages. */
import { decodeMessage, type FrameHeader, parseHeader } from "./frame.ts";
import { headerBytes } from "./limits.ts";
import type { Message } from "./message.ts";

/** Holds at most one frame and one chunk. */
export class FrameSplitter {
  #buffer = new Uint8Array(4096);
  #start = 0;
  #end = 0;
  #header: FrameHeader | undefined;
  #lastFrameBytes = 0;

  /** Bytes of the frame that `next` gave last, header included. */
  get lastFrameBytes(): number {
    return this.#lastFrameBytes;
  }

  /** Takes bytes as they come; they are copied. `next` must have been called until it gave nothing. */
  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      const needed = held + chunk.length;
      const target = needed > this.#buffer.length
        ? new Uint8Array(Math.max(needed, this.#buffer.length * 2))
        : this.#buffer;
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole message, or `undefined` until more bytes have come. @throws {RcopyError} `protocol`, `name-unsafe` */
  next(): Message | undefined {
    if (!this.#header) {
      if (this.#end - this.#start < headerBytes) return undefined;
      this.#header = parseHeader(this.#buffer.subarray(this.#start, this.#start + headerBytes), "control");
    }
    const bytes = headerBytes + this.#header.messageBytes;
    if (this.#end - this.#start < bytes) return undefined;
    const message = decodeMessage(this.#header, this.#buffer.subarray(this.#start, this.#start + bytes));
    this.#header = undefined;
    this.#lastFrameBytes = bytes;
    this.#start += bytes;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return message;
  }
}
