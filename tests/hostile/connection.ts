/** One connection of a hostile peer, inside TLS or not: whole frames in, any bytes out. */
import type { Values } from "./capnp.ts";
import { type Arrived, frame, type Kind, parseFrame, preamble, type PreambleFor } from "./messages.ts";

export class Connection implements Disposable {
  readonly #tcp: Deno.TcpConn | Deno.TlsConn;
  /** Whether {@linkcode next} answers pings, as an honest peer does. */
  answersPings = true;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(tcp: Deno.TcpConn | Deno.TlsConn) {
    this.#tcp = tcp;
    if ("setNoDelay" in tcp) tcp.setNoDelay(true);
  }

  /** Writes all of it; what the other end has closed is not an error of ours. */
  write(bytes: Uint8Array): Promise<boolean> {
    const written = this.#writing.then(() => this.#write(bytes));
    this.#writing = written;
    return written;
  }

  async #write(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#tcp.write(bytes.subarray(at));
      return true;
    } catch {
      return false;
    }
  }

  send(kind: Kind, values: Values = {}, payload?: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return this.write(frame(kind, values, payload));
  }

  open(of: PreambleFor, kind: Kind, values: Values = {}): Promise<boolean> {
    const [first, second] = [preamble(of), frame(kind, values)];
    const both = new Uint8Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    return this.write(both);
  }

  /** Exactly so many bytes, or `undefined` if the connection ends before. */
  async read(bytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const buffer = new Uint8Array(bytes);
    try {
      for (let at = 0; at < bytes;) {
        const count = await this.#tcp.read(buffer.subarray(at));
        if (count === null) return undefined;
        at += count;
      }
      return buffer;
    } catch {
      return undefined;
    }
  }

  /** The next frame; `undefined` at the end. @throws if the other end does not keep to the page */
  async next(): Promise<Arrived | undefined> {
    const head = await this.read(16);
    if (!head) return undefined;
    const view = new DataView(head.buffer);
    const message = await this.read(view.getUint32(0, true));
    const payload = message && await this.read(view.getUint32(4, true));
    const arrived = payload && parseFrame(head, message, payload);
    if (arrived?.kind === "ping" && this.answersPings) await this.send("pong", { id: arrived.values.id! });
    return arrived;
  }

  /** The next frame of a kind; those before it are given to `onOther`. @throws if the connection ends first */
  async until(kind: Kind, onOther: (arrived: Arrived) => void = () => {}): Promise<Arrived> {
    for (;;) {
      const arrived = await this.next();
      if (!arrived) throw new Error(`the program ended the connection before ${kind}`);
      if (arrived.kind === kind) return arrived;
      if (arrived.kind === "close") {
        throw new Error(`it closed before ${kind}: ${JSON.stringify(arrived.values)}`);
      }
      onOther(arrived);
    }
  }

  /** Reads up to a close, whose code it gives; `undefined` if the connection ends without one. */
  async closeCode(): Promise<number | undefined> {
    for (let arrived = await this.next(); arrived; arrived = await this.next()) {
      if (arrived.kind === "close") return arrived.values.code as number;
    }
    return undefined;
  }

  /** The first frame of the answer to an opening; `undefined` if the connection ends without one. */
  async answer(of: PreambleFor): Promise<Arrived | undefined> {
    const bytes = await this.read(16);
    if (!bytes) return undefined;
    if (bytes.toHex() !== preamble(of).toHex()) throw new Error(`${bytes.toHex()} is no preamble for ${of}`);
    return await this.next();
  }

  /** Nothing more will be written. */
  async endWriting(): Promise<void> {
    await this.#tcp.closeWrite().catch(() => {});
  }

  [Symbol.dispose](): void {
    try {
      this.#tcp.close();
    } catch {
      // Closed already.
    }
  }
}
