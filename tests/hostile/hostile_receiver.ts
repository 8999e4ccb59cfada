/** A receiver that dials, performs the handshake truly, and then says what it is told to. */
import type { Values } from "./capnp.ts";
import { Connection } from "./connection.ts";
import type { Arrived } from "./messages.ts";
import { preamble } from "./messages.ts";
import { joined, latin1 } from "./hostile_sender.ts";
import { xxh3 } from "./xxh3.ts";

/** What a manifest says of one entry. */
export interface Announced {
  directory: number;
  kind: number;
  mode: number;
  size: number;
  seconds: bigint;
  nanos: number;
  name: Uint8Array;
  link: Uint8Array;
  /** Number of a directory. */
  number: number;
}

export class HostileReceiver implements Disposable {
  control!: Connection;
  readonly lanes: Connection[] = [];
  /** The sender's hello. */
  hello: Values = {};
  /** Frames of data that {@linkcode drain} has read. */
  readonly data: Arrived[] = [];
  #more = Promise.withResolvers<void>();
  readonly #at: { hostname: string; port: number };
  readonly #open: Connection[] = [];

  constructor(address: string) {
    const [hostname, port] = address.split(":");
    this.#at = { hostname: hostname!, port: Number(port) };
  }

  async connect(): Promise<Connection> {
    const connection = new Connection(await Deno.connect(this.#at));
    this.#open.push(connection);
    return connection;
  }

  /** What it says of itself if nobody says otherwise. */
  static readonly ownHello: Values = {
    role: 1,
    software: "hostile",
    streams: 2,
    timeoutMs: 20_000,
    mtimeResolutionNs: 1,
    creditBytes: 1 << 20,
    batchEntries: 4096,
  };

  /**
   * Says hello (parts of it replaced); with the answer it opens the data connections, and tells of its destination, of
   * which parts may be replaced too. `false` if there is no answer.
   */
  async shakeHands(different: Values = {}, destination: Values = {}): Promise<boolean> {
    const { wantsAll = true, ...hello } = different;
    this.control = await this.connect();
    await this.control.open("control", "hello", { ...HostileReceiver.ownHello, ...hello });
    const preambleBytes = await this.control.read(16);
    if (preambleBytes?.toHex() !== preamble("control").toHex()) return false;
    const answer = await this.control.next();
    if (answer?.kind !== "hello") return false;
    this.hello = answer.values;
    const tokens = (this.hello.laneTokens as Uint8Array).length / 16;
    for (let lane = 0; lane < tokens; lane++) {
      const connection = await this.join(lane);
      const joined = await connection.answer("data");
      if (joined?.kind !== "joined") throw new Error("a join with its own token was refused");
      this.lanes.push(connection);
    }
    await this.control.send("destination", { wantsAll, ...destination });
    return true;
  }

  /** A data connection, whose join may be wrong. */
  async join(lane: number, different: Values = {}): Promise<Connection> {
    const token = (this.hello.laneTokens as Uint8Array).slice(16 * lane, 16 * lane + 16);
    const connection = await this.connect();
    await connection.open("data", "join", { session: this.hello.session!, lane, token, ...different });
    return connection;
  }

  /** Reads the data connections to their end, and keeps what comes, but for payloads that are not of patches. */
  async drain(): Promise<void> {
    await Promise.all(this.lanes.map(async (lane) => {
      for (let arrived = await lane.next(); arrived; arrived = await lane.next()) {
        const { payload } = arrived.kind === "patch" ? arrived : { payload: new Uint8Array(0) };
        this.data.push({ ...arrived, payload });
        this.#more.resolve();
        this.#more = Promise.withResolvers();
      }
    }));
  }

  /** Waits until {@linkcode drain} has read a frame that is as wanted. */
  async untilData(isWanted: (arrived: Arrived) => boolean): Promise<Arrived> {
    for (;;) {
      const found = this.data.find(isWanted);
      if (found) return found;
      await this.#more.promise;
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#open) connection[Symbol.dispose]();
  }
}

/** The entries of a manifest message; directories are numbered from `next` on. */
export function announcedBy(values: Values, next: number): Announced[] {
  const kinds = values.kinds as number[];
  const names = split(values.names as Uint8Array);
  const links = split(values.linkTargets as Uint8Array);
  const directories = (values.groupDirectories as number[]).flatMap((directory, g) =>
    new Array<number>((values.groupCounts as number[])[g]!).fill(directory)
  );
  return kinds.map((kind, i) => ({
    directory: directories[i]!,
    kind,
    mode: (values.modes as number[])[i]!,
    size: Number((values.sizes as bigint[])[i]),
    seconds: (values.mtimeSeconds as bigint[])[i]!,
    nanos: (values.mtimeNanos as number[])[i]!,
    name: names[i]!,
    link: kind === 3 ? links.shift()! : new Uint8Array(0),
    number: kind === 2 ? next++ : 0,
  }));
}

function split(text: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf(0, at);
    parts.push(text.subarray(at, end));
    at = end + 1;
  }
  return parts;
}

/** What a whole session brought. */
export interface Fetched {
  /** Content of each file, by path. */
  files: Map<string, Uint8Array>;
  /** Code of the sender's last word. */
  code: number;
}

/**
 * A whole session as it should be, everything wanted and kept in memory, on one thread: data is read while control is.
 * `lie` may change the receipt.
 */
export async function fetchTruly(
  peer: HostileReceiver,
  lie: (receipt: Values) => Values = (receipt) => receipt,
): Promise<Fetched> {
  const { control } = peer;
  const announced = new Map<string, Announced>();
  const paths = new Map<number, string>([[0, ""]]);
  const extents = new Map<string, Uint8Array[]>();
  const files = new Map<string, Uint8Array>();
  const batches: { count: number; bytes: number }[] = [];
  const changed = { resolve: () => {}, promise: Promise.resolve() };
  const wait = () => {
    changed.promise = new Promise((resolve) => changed.resolve = resolve);
    return changed.promise;
  };
  const pathOf = (entry: Announced) => paths.get(entry.directory)! + String.fromCharCode(...entry.name);
  // A unit may come before its manifest, which another connection brings.
  let early: (() => void)[] | undefined = [];
  let hasConcluded = false;
  const onUnit = (unit: Arrived, payload: Uint8Array) => {
    if (early) early.push(() => keep(unit, payload));
    else keep(unit, payload);
  };
  const keep = ({ kind, values }: Arrived, payload: Uint8Array) => {
    if (kind === "bundle") {
      let at = 0;
      for (const entry of values.entries as number[]) {
        const one = announced.get(`${values.batch}/${entry}`)!;
        files.set(pathOf(one), payload.slice(at, at += one.size));
      }
    } else {
      const key = `${values.batch}/${values.entry}`;
      if (!extents.has(key)) extents.set(key, []);
      extents.get(key)![values.index as number] = payload;
    }
    changed.resolve();
  };
  const reading = peer.lanes.map(async (lane, number) => {
    let unit: Arrived | undefined;
    let pieces: Uint8Array[] = [];
    const taken = { lane: number, units: 0, bytes: 0 };
    for (let frame = await lane.next(); frame; frame = await lane.next()) {
      if (unit && frame.kind === "hashes") {
        const content = joined(pieces);
        onUnit(unit, content);
        taken.units++;
        taken.bytes += content.length;
        if (!hasConcluded) await control.send("taken", taken);
        [unit, pieces] = [undefined, []];
        continue;
      }
      if ((frame.kind === "piece") === (unit === undefined)) throw new Error(`${frame.kind} out of turn`);
      unit ??= frame;
      pieces.push(frame.payload);
    }
  });
  const cut = Promise.all(reading).then(() => {
    throw new Error("the data connections ended before everything was there");
  });
  cut.catch(() => {}); // at the end they are closed
  const end = await control.until("manifestEnd", ({ kind, values, frameBytes }) => {
    if (kind !== "manifest") return;
    const entries = announcedBy(values, paths.size);
    batches.push({ count: entries.length, bytes: frameBytes });
    for (const [i, entry] of entries.entries()) {
      announced.set(`${values.batch}/${i}`, entry);
      if (entry.kind === 2) paths.set(entry.number, `${pathOf(entry)}/`);
    }
  });
  for (const keepIt of early) keepIt();
  early = undefined;
  if (end.values.batches !== batches.length) throw new Error("the manifest's end counts wrongly");
  const small = [...announced].filter(([, { kind, size }]) => kind === 1 && size <= 4 << 20).length;
  const large = [...announced].filter(([, { kind, size }]) => kind === 1 && size > 4 << 20);
  const isComplete = () =>
    files.size === small &&
    large.every(([key, { size }]) => bytesIn(extents.get(key)) === size);
  // Nobody reads control until everything is there, and so nobody answers: on a busy machine the sender would give up.
  const alive = setInterval(() => void control.send("ping", { id: 1 }).catch(() => {}), 2_000);
  try {
    while (!isComplete()) await Promise.race([wait(), cut]);
  } finally {
    clearInterval(alive);
  }
  const held = [...announced].filter(([, { kind, size }]) => kind === 2 || (kind === 1 && size > 4 << 20));
  for (const [batch] of batches.entries()) {
    const own = held.map(([key]) => key.split("/").map(Number)).filter(([number]) => number === batch);
    await control.send("batchSettled", { batch, held: own.map(([, entry]) => entry!) });
    await control.send("credit", { bytes: batches[batch]!.bytes });
  }
  const keys = held.map(([key]) => key.split("/").map(Number) as [number, number]);
  await control.send("heldSettled", {
    batches: keys.map(([batch]) => batch),
    entries: keys.map(([, entry]) => entry),
    failed: keys.map(() => 0),
  });
  hasConcluded = true;
  const hashes: bigint[] = [];
  for (const [key, entry] of announced) {
    const whole = extents.get(key);
    if (whole) files.set(pathOf(entry), joined(whole));
    hashes.push(entryHash(entry, pathOf(entry), whole ?? files.get(pathOf(entry))));
  }
  const counted = (kind: number) => [...announced.values()].filter((entry) => entry.kind === kind).length;
  await control.send(
    "receipt",
    lie({
      files: counted(1),
      directories: counted(2),
      links: counted(3),
      bytes: [...announced.values()].reduce((bytes, { size }) => bytes + size, 0),
      treeCount: announced.size,
      treeSum: treeSum(hashes),
    }),
  );
  const { values } = await control.until("close").catch(() => ({ values: { code: -1 } }));
  for (const lane of peer.lanes) lane[Symbol.dispose]();
  await Promise.all(reading);
  return { files, code: values.code as number };
}

function bytesIn(extents: readonly Uint8Array[] | undefined): number {
  return extents?.reduce((sum, extent) => sum + extent.length, 0) ?? 0;
}

/** The entry hash of "Integrity". A file's content is its bytes, or its extents. */
export function entryHash(entry: Announced, path: string, content?: Uint8Array[] | Uint8Array): bigint {
  const record = new Uint8Array(56 + path.length);
  const view = new DataView(record.buffer);
  record[0] = 1;
  record[1] = entry.kind;
  view.setUint16(2, entry.kind === 3 ? 0 : entry.mode, true);
  view.setBigUint64(4, BigInt(entry.size), true);
  if (Array.isArray(content)) record.set(xxh3(joined(content.map(xxh3))), 12);
  else if (content) record.set(xxh3(content), 12);
  else if (entry.kind === 3) record.set(xxh3(entry.link), 12);
  view.setBigInt64(44, entry.seconds, true);
  view.setUint32(52, entry.nanos, true);
  record.set(latin1(path), 56);
  return BigInt(`0x${xxh3(record).toHex()}`);
}

/** The sum of entry hashes as a receipt has it. */
export function treeSum(hashes: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const sum = hashes.reduce((sum, hash) => sum + hash, 0n) % (1n << 128n);
  return Uint8Array.fromHex(sum.toString(16).padStart(32, "0"));
}
