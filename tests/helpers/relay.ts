/** Somebody between two ends who chooses with whom each connection ends up. */

/** Passes each connection on to the next of some ports, the last one again and again. */
export class Relay implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #served: Promise<void>;
  readonly #open = new Set<Deno.Conn>();

  constructor(ports: number[]) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#served = this.#serve(ports);
  }

  async #serve(ports: number[]): Promise<void> {
    const running: Promise<void>[] = [];
    let number = 0;
    for await (const from of this.#listener) {
      const port = ports[Math.min(number++, ports.length - 1)]!;
      const to = await Deno.connect({ hostname: "127.0.0.1", port });
      for (const end of [from, to]) this.#open.add(end);
      running.push(this.#pass(from, to), this.#pass(to, from));
    }
    await Promise.all(running);
  }

  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const chunk = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(chunk)) !== null;) {
        for (let at = 0; at < count;) at += await to.write(chunk.subarray(at, count));
      }
    } catch {
      // One end has hung up, and so will the other.
    }
    for (const end of [from, to]) if (this.#open.delete(end)) end.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const end of this.#open) end.close();
    this.#open.clear();
    await this.#served;
  }
}
