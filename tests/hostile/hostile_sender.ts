/** A sender that listens, performs the handshake truly, and then says what it is told to. */
import type { Values } from "./capnp.ts";
import { Connection } from "./connection.ts";
import { type Arrived, frame, preamble } from "./messages.ts";
import { xxh3 } from "./xxh3.ts";

/** An entry of a manifest. Names and link texts are characters of one byte each, or bytes. */
export interface Entry {
  /** Number of the directory; 0 is the destination. */
  in?: number;
  /** 1 file, 2 directory, 3 link, or something that is none. */
  kind?: number;
  name: string | Uint8Array;
  mode?: number;
  size?: number | bigint;
  seconds?: number | bigint;
  nanos?: number;
  link?: string;
}

/** The columns of a batch, which may be replaced one by one. */
export function manifestOf(batch: number, entries: readonly Entry[], closed: readonly number[] = []): Values {
  const groupDirectories: number[] = [];
  const groupCounts: number[] = [];
  for (const { in: directory = 0 } of entries) {
    if (groupDirectories.at(-1) === directory) groupCounts[groupCounts.length - 1]!++;
    else {
      groupDirectories.push(directory);
      groupCounts.push(1);
    }
  }
  const links = entries.filter(({ kind }) => kind === 3).map(({ link = "" }) => link);
  return {
    batch,
    groupDirectories,
    groupCounts,
    kinds: entries.map(({ kind = 1 }) => kind),
    modes: entries.map(({ mode, kind }) => mode ?? (kind === 2 ? 0o755 : kind === 3 ? 0 : 0o644)),
    sizes: entries.map(({ size = 0 }) => size),
    mtimeSeconds: entries.map(({ seconds = 1_700_000_000 }) => seconds),
    mtimeNanos: entries.map(({ nanos = 0 }) => nanos),
    names: terminated(entries.map(({ name }) => name)),
    linkTargets: terminated(links),
    closed: [...closed],
    stamps: new Uint8Array(16 * entries.filter(({ size = 0 }) => size > 4 << 20).length),
  };
}

/** The file hash of a large file: of the hashes of its extents. */
export function largeHash(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 4 << 20) parts.push(xxh3(content.slice(at, at + (4 << 20))));
  return xxh3(joined(parts));
}

/** Each followed by a NUL byte. */
function terminated(parts: readonly (string | Uint8Array)[]): Uint8Array {
  return joined(parts.flatMap((part) => [typeof part === "string" ? latin1(part) : part, Uint8Array.of(0)]));
}

/** One byte a character. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export class HostileSender implements AsyncDisposable {
  readonly address: string;
  /** What the receiver said of itself, after the handshake. */
  hello: Values = {};
  /** What it said of its destination, after the handshake. */
  destination: Values = {};
  control!: Connection;
  lanes: Connection[] = [];
  readonly #listener: Deno.TcpListener;
  readonly #open: Connection[] = [];
  /** Hashes of the extents that were sent, by batch and entry, then by index. */
  readonly #extents = new Map<string, Map<number, Uint8Array>>();

  constructor() {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** The next connection of the receiver, of which nothing has been read. */
  async accept(): Promise<Connection> {
    const connection = new Connection(await this.#listener.accept());
    this.#open.push(connection);
    return connection;
  }

  /** The receiver's control connection, its hello read and not answered. */
  async hear(): Promise<void> {
    this.control = await this.accept();
    const preambleBytes = await this.control.read(16);
    if (!preambleBytes || preambleBytes.toHex() !== preamble("control").toHex()) {
      throw new Error("no preamble came");
    }
    const hello = await this.control.next();
    if (hello?.kind !== "hello" || hello.values.role !== 1) throw new Error("no hello of a receiver came");
    this.hello = hello.values;
  }

  /** Hears the receiver, answers with a hello (parts of it replaced), takes its data connections, and hears where it lands. */
  async shakeHands(different: Values = {}, streams = 2): Promise<void> {
    await this.hear();
    const lanes = Math.min(this.hello.streams as number, streams);
    const session = crypto.getRandomValues(new Uint8Array(16));
    const laneTokens = crypto.getRandomValues(new Uint8Array(16 * lanes));
    const hello = { ...this.ownHello(lanes), session, laneTokens, ...different };
    await this.control.write(joined([preamble("control"), frame("hello", hello)]));
    this.lanes = new Array(lanes);
    for (let i = 0; i < lanes; i++) {
      const connection = await this.accept();
      const preambleBytes = await connection.read(16);
      const join = preambleBytes && await connection.next();
      if (preambleBytes?.toHex() !== preamble("data").toHex() || join?.kind !== "join") {
        throw new Error("no join came");
      }
      const lane = join.values.lane as number;
      const token = laneTokens.subarray(16 * lane, 16 * lane + 16).toHex();
      if ((join.values.token as Uint8Array).toHex() !== token) throw new Error("a token is wrong");
      await connection.open("data", "joined");
      this.lanes[lane] = connection;
    }
    this.destination = (await this.control.until("destination")).values;
  }

  ownHello(streams: number): Values {
    const returnSecret = crypto.getRandomValues(new Uint8Array(16));
    return { role: 0, software: "hostile", streams, timeoutMs: 20_000, mtimeResolutionNs: 1, returnSecret };
  }

  /** One batch that is the whole manifest, and its end. */
  async announce(entries: readonly Entry[], different: Values = {}): Promise<void> {
    await this.control.send("manifest", { ...this.manifest(entries), ...different });
    await this.end(entries);
  }

  /** A batch that is the whole manifest, its directories closed. */
  manifest(entries: readonly Entry[]): Values {
    const directories = entries.filter(({ kind }) => kind === 2).length;
    const closed = Array.from({ length: directories + 1 }, (_, i) => directories - i);
    return manifestOf(0, entries, closed);
  }

  async end(entries: readonly Entry[], batches = 1): Promise<void> {
    const bytes = entries.reduce((sum, { size = 0 }) => sum + BigInt(size), 0n);
    await this.control.send("manifestEnd", { batches, entries: entries.length, bytes });
  }

  /** Small files as they are, or with hashes of something else. */
  async bundle(
    entries: readonly number[],
    contents: readonly Uint8Array[],
    { batch = 0, lane = 0, hashes = joined(contents.map(xxh3)) as Uint8Array } = {},
  ): Promise<boolean> {
    const bytes = joined([
      frame("bundle", { batch, entries }, joined(contents)),
      frame("hashes", { hashes }),
    ]);
    return await this.laneOf(lane).write(bytes);
  }

  /** Part of a large file, over one of the data connections that there are; before it ends, the mark of the file. */
  async extent(
    { batch = 0, entry, index, fileVerified = false, hash }: {
      entry: number;
      index: number;
      batch?: number;
      fileVerified?: boolean;
      hash?: Uint8Array;
    },
    content: Uint8Array<ArrayBuffer>,
    lane = 0,
  ): Promise<boolean> {
    const hashes = hash ?? xxh3(content);
    const key = `${batch}/${entry}`;
    const known = this.#extents.get(key) ?? new Map<number, Uint8Array>();
    this.#extents.set(key, known.set(index, hashes));
    if (fileVerified) {
      const parts = [...known].sort(([a], [b]) => a - b).map(([, part]) => part);
      await this.vouch({ batch, entry, hash: xxh3(joined(parts)) });
    }
    const bytes = joined([frame("extent", { batch, entry, index }, content), frame("hashes", { hashes })]);
    return await this.laneOf(lane).write(bytes);
  }

  /** Says that a large file was found unchanged, and the hash of it as a whole. */
  async vouch(
    { batch = 0, entry, hash }: { batch?: number; entry: number; hash: Uint8Array },
  ): Promise<boolean> {
    return await this.control.send("fileVerified", { batch, entry, hash });
  }

  laneOf(lane: number): Connection {
    return this.lanes[lane % this.lanes.length]!;
  }

  /** Waits for the receipt and agrees with it, as a sender that believes everything. */
  async conclude(onOther: (arrived: Arrived) => void = () => {}): Promise<Values> {
    const { values } = await this.control.until("receipt", onOther);
    await this.control.send("close", { code: 0 });
    return values;
  }

  hangUp(): void {
    for (const connection of this.#open) connection[Symbol.dispose]();
  }

  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    this.#listener.close();
  }
}
