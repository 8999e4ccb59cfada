/** Channels within one process, as slow and as crumbly as a test wants them. */
import { RcopyError } from "../../src/base/errors.ts";
import type { Channel } from "../../src/net/channel.ts";

/** How a pair of channels behaves; the defaults are a fast and smooth one. */
export interface MemoryChannelOptions {
  /** Bytes that may be under way in each direction before a write waits. */
  windowBytes?: number;
  /** Most bytes that one read gives. */
  readBytesMax?: number;
  /** Called before each read; what it returns is awaited. */
  beforeRead?: () => Promise<void> | void;
  /** Address of both ends. */
  source?: string;
  /** Changes bytes on their way from the first to the second channel. */
  tamper?: (bytes: Uint8Array<ArrayBuffer>) => void;
}

/** One direction: a bounded pipe of bytes. */
class Pipe {
  readonly #windowBytes: number;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      while (this.#bytes >= this.#windowBytes && !this.#ended) await this.#changed.promise;
      if (this.#ended) throw new RcopyError("peer-lost", "the channel is closed");
      const chunk = bytes.slice(at, at + this.#windowBytes - this.#bytes);
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      at += chunk.length;
      this.#notify();
    }
  }

  async read(target: Uint8Array<ArrayBuffer>): Promise<number> {
    while (this.#bytes === 0 && !this.#ended) await this.#changed.promise;
    const chunk = this.#chunks[0];
    if (!chunk) return 0;
    const count = Math.min(chunk.length, target.length);
    target.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.#bytes -= count;
    this.#notify();
    return count;
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

class MemoryChannel implements Channel {
  readonly peer: string;
  readonly source: string;
  readonly remote: { host: string; port: number };
  readonly sharesMachine = true;
  bytesRead = 0;
  bytesWritten = 0;
  readonly readCallMs = 0;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  readonly #options: MemoryChannelOptions;
  readonly #tamper: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;

  constructor(
    peer: string,
    pipes: { incoming: Pipe; outgoing: Pipe },
    options: MemoryChannelOptions,
    tamper: boolean,
  ) {
    this.peer = peer;
    this.source = options.source ?? "192.0.2.1";
    this.remote = { host: this.source, port: 3120 };
    this.#incoming = pipes.incoming;
    this.#outgoing = pipes.outgoing;
    this.#options = options;
    this.#tamper = tamper ? options.tamper : undefined;
  }

  async read(target: Uint8Array<ArrayBuffer>): Promise<number> {
    await this.#options.beforeRead?.();
    const count = await this.#incoming.read(target.subarray(0, this.#options.readBytesMax));
    this.bytesRead += count;
    return count;
  }

  async readAtLeast(target: Uint8Array<ArrayBuffer>, least: number): Promise<number> {
    let filled = 0;
    while (filled < least) {
      const count = await this.read(target.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#tamper) {
      bytes = bytes.slice();
      this.#tamper(bytes);
    }
    await this.#outgoing.write(bytes);
    this.bytesWritten += bytes.length;
  }

  close(): void {
    this.#incoming.end();
    this.#outgoing.end();
  }
}

/** Two ends of one connection. */
export function memoryChannels(options: MemoryChannelOptions = {}): [Channel, Channel] {
  const windowBytes = options.windowBytes ?? 256 * 1024;
  const there = new Pipe(windowBytes);
  const back = new Pipe(windowBytes);
  return [
    new MemoryChannel("second", { incoming: back, outgoing: there }, options, true),
    new MemoryChannel("first", { incoming: there, outgoing: back }, options, false),
  ];
}
