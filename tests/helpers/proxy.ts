/** A man between the two ends: counts, holds, cuts, and changes what goes by. */
import { crc32 } from "node:zlib";
import { FrameKind } from "../../src/wire/message.ts";
import { proxied } from "./proxied.ts";

/** Towards which end bytes go. The sender listens, so it is the proxy's upstream. */
export type Direction = "to-sender" | "to-receiver";

export type ConnectionKind = "control" | "data";

export interface ProxyOptions {
  /** Sees each chunk before it goes on; what it returns is awaited first. */
  onChunk?: (direction: Direction, chunk: Uint8Array, total: number) => Promise<void> | void;
  /** Sees and may change each message of the sender's control connection, with its kind; the checksum is made right again. */
  onControlFrame?: (message: Uint8Array, kind: number) => void;
}

const preambleBytes = 16;
const headerBytes = 16;

export class Proxy implements AsyncDisposable {
  readonly address: string;
  /** Everything that went by, in both directions. */
  bytes = 0;
  readonly #listener: Deno.TcpListener;
  readonly #target: { hostname: string; port: number };
  readonly #options: ProxyOptions;
  /** Both ends of each, and what it is for, once its opener has said so. */
  readonly #connections = new Map<Deno.TcpConn, ConnectionKind | undefined>();
  readonly #running: Promise<void>[] = [];
  #released: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(target: string, options: ProxyOptions = {}) {
    const [hostname, port] = target.split(":");
    this.#target = { hostname: hostname!, port: Number(port) };
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    proxied.add(this.address);
    this.#running.push(this.#accept());
  }

  /** Lets nothing more through until {@linkcode release}. */
  hold(): void {
    this.#released ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#released?.resolve();
    this.#released = undefined;
  }

  /** Ends every connection, or those of one kind where nothing is encrypted, towards both ends, at once. */
  cut(kind?: ConnectionKind): void {
    for (const [connection, its] of this.#connections) {
      if (kind === undefined || its === kind) close(connection);
    }
    this.release();
  }

  /** Connections of one kind that were opened so far. */
  count(kind: ConnectionKind): number {
    return [...this.#connections.values()].filter((its) => its === kind).length / 2;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    proxied.delete(this.address);
    this.cut();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    try {
      for await (const receiver of this.#listener) {
        const sender = await Deno.connect(this.#target).catch(() => undefined);
        if (!sender) {
          close(receiver);
          continue;
        }
        this.#connections.set(receiver, undefined).set(sender, undefined);
        this.#running.push(
          this.#pump(receiver, sender, "to-sender"),
          this.#pump(sender, receiver, "to-receiver"),
        );
      }
    } catch {
      // The listener was closed.
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, direction: Direction): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const frames = direction === "to-receiver" && this.#options.onControlFrame
      ? new FrameChanger(this.#options.onControlFrame)
      : undefined;
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        if (direction === "to-sender" && this.#connections.get(from) === undefined) {
          for (const end of [from, to]) this.#connections.set(end, buffer[12] === 1 ? "control" : "data");
        }
        const chunk = frames ? frames.push(buffer.subarray(0, count)) : buffer.subarray(0, count);
        this.bytes += count;
        await this.#options.onChunk?.(direction, chunk, this.bytes);
        await this.#released?.promise;
        for (let written = 0; written < chunk.length;) written += await to.write(chunk.subarray(written));
      }
      await to.closeWrite();
    } catch {
      close(from);
      close(to);
    }
  }
}

/**
 * Gives a control connection on frame by frame. A data connection is let be: the sender's first message there says that the
 * join was accepted.
 */
class FrameChanger {
  readonly #onFrame: (message: Uint8Array, kind: number) => void;
  #held = new Uint8Array(0);
  #sawPreamble = false;
  #isData = false;

  constructor(onFrame: (message: Uint8Array, kind: number) => void) {
    this.#onFrame = onFrame;
  }

  /** Whole frames that are due; the rest is kept. */
  push(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
    if (this.#isData) return chunk.slice();
    const held = new Uint8Array(this.#held.length + chunk.length);
    held.set(this.#held);
    held.set(chunk, this.#held.length);
    let at = 0;
    if (!this.#sawPreamble) {
      if (held.length < preambleBytes) {
        this.#held = held;
        return new Uint8Array(0);
      }
      this.#sawPreamble = true;
      at = preambleBytes;
    }
    const view = new DataView(held.buffer);
    while (held.length - at >= headerBytes) {
      const messageBytes = view.getUint32(at, true);
      const kind = view.getUint16(at + 8, true);
      if (kind === FrameKind.joined) {
        this.#isData = true;
        return held;
      }
      const end = at + headerBytes + messageBytes;
      if (end > held.length) break;
      this.#onFrame(held.subarray(at + headerBytes, end), kind);
      const checksum = crc32(held.subarray(at + headerBytes, end), crc32(held.subarray(at, at + 12)));
      view.setUint32(at + 12, checksum, true);
      at = end;
    }
    this.#held = held.slice(at);
    return held.slice(0, at);
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
