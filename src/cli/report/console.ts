/** Standard output and standard error: whole lines, in order. */
import { RcopyError } from "../../base/errors.ts";
import { pause } from "../../base/pause.ts";

const encoder = new TextEncoder();
/** Most bytes that are joined for one write. */
const writeBytesMax = 64 * 1024;
/** Above so many bytes that wait, whoever can should write no more. */
const waitingBytesMax = 1024 * 1024;
/** Between two attempts to write to a full pipe that does not block. */
const retryMs = 10;

/** A stream, as far as it is needed here. */
interface Stream {
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes beside the thread, so that a terminal that stands still, or a reader that takes its time, holds up no session.
 * Whoever ends the process awaits {@linkcode Console.flushed} before. A reader that has gone is no error.
 */
export class Console {
  readonly #streams: { readonly out: Stream; readonly error: Stream };
  readonly #gone = new Set<Stream>();
  /** In the order in which it was written, for both streams: they may be the same terminal. */
  #waiting: { stream: Stream; bytes: Uint8Array }[] = [];
  #waitingBytes = 0;
  #pumping: Promise<void> | undefined;
  #failure: RcopyError | undefined;
  /** Told once of what keeps standard output from being written. */
  onFailure: (error: RcopyError) => void = () => {};

  constructor(streams: { out: Stream; error: Stream } = { out: Deno.stdout, error: Deno.stderr }) {
    this.#streams = streams;
  }

  /** For scripts. */
  out(text: string): void {
    this.#write(this.#streams.out, text);
  }

  /** For people. */
  error(text: string): void {
    this.#write(this.#streams.error, text);
  }

  /** Something has not been written yet: what will soon be out of date had better not be written. */
  get isBehind(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when there is room for more, which need not be waited for. */
  async room(): Promise<void> {
    while (this.#waitingBytes > waitingBytesMax && this.#pumping) await pause(retryMs);
  }

  /** Resolves when everything has been written. */
  async flushed(): Promise<void> {
    while (this.#pumping) await this.#pumping;
  }

  /** What kept standard output from being written, a full disk as it may be; a reader that has gone is nothing. */
  get failure(): RcopyError | undefined {
    return this.#failure;
  }

  /** Standard error is a terminal. */
  get isTerminal(): boolean {
    return Deno.stderr.isTerminal();
  }

  /** Width of the terminal. */
  get columns(): number {
    try {
      return Deno.consoleSize().columns;
    } catch {
      return 80;
    }
  }

  #write(stream: Stream, text: string): void {
    if (this.#gone.has(stream)) return;
    const bytes = encoder.encode(text);
    this.#waiting.push({ stream, bytes });
    this.#waitingBytes += bytes.length;
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // What is written in one turn leaves together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const { stream, bytes } = this.#take();
      if (!this.#gone.has(stream)) await this.#writeAll(stream, bytes);
      this.#waitingBytes -= bytes.length;
    }
    this.#pumping = undefined;
  }

  /** The oldest texts of one stream, joined. */
  #take(): { stream: Stream; bytes: Uint8Array } {
    const { stream } = this.#waiting[0]!;
    let count = 0;
    let length = 0;
    for (const one of this.#waiting) {
      if (one.stream !== stream || count > 0 && length + one.bytes.length > writeBytesMax) break;
      count++;
      length += one.bytes.length;
    }
    const taken = this.#waiting.splice(0, count);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const one of taken) {
      bytes.set(one.bytes, at);
      at += one.bytes.length;
    }
    return { stream, bytes };
  }

  async #writeAll(stream: Stream, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += await stream.write(bytes.subarray(at));
      } catch (cause) {
        if (cause instanceof Deno.errors.WouldBlock) await pause(retryMs);
        else return this.#onGone(stream, cause);
      }
    }
  }

  #onGone(stream: Stream, cause: unknown): void {
    this.#gone.add(stream);
    if (stream !== this.#streams.out || cause instanceof Deno.errors.BrokenPipe) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new RcopyError("internal", `cannot write to standard output: ${reason}`, { cause });
    this.onFailure(this.#failure);
  }
}
