/** Parts of a transfer for unit tests: an engine on a folder, a control that is listened to, batches of either side. */
import { Codec } from "../../src/codec/codec.ts";
import { EntryHasher } from "../../src/codec/entry_hash.ts";
import { PathPrefixes } from "../../src/entry/path_prefixes.ts";
import { SendComparison } from "../../src/transfer/send/comparison.ts";
import { SendFailures } from "../../src/transfer/send/failures.ts";
import { SendLargeFiles } from "../../src/transfer/send/large_files.ts";
import { SendPlan } from "../../src/transfer/send/plan.ts";
import { SendUnsettled } from "../../src/transfer/send/unsettled.ts";
import type { LargeSource } from "../../src/transfer/source/large_file.ts";
import { EntryKind, type Timestamp } from "../../src/entry/metadata.ts";
import type { Directory, Engine } from "../../src/io/contract/engine.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { Control } from "../../src/transfer/session/control.ts";
import { localHello } from "../../src/transfer/session/hello.ts";
import type { TransferEvent } from "../../src/transfer/session/events.ts";
import { SessionRun } from "../../src/transfer/session/session_run.ts";
import { SendBatch } from "../../src/transfer/source/batch.ts";
import { Transfer } from "../../src/transfer/session/transfer.ts";
import { openSources } from "../../src/transfer/source/roots.ts";
import { Scan } from "../../src/transfer/source/scan.ts";
import { ReceiveBatch } from "../../src/transfer/target/batch.ts";
import { FrameSplitter } from "../../src/wire/frame_splitter.ts";
import { extentBytes, stampBytes } from "../../src/wire/limits.ts";
import type { Hello, Role } from "../../src/wire/hello.ts";
import type { Manifest } from "../../src/wire/manifest.ts";
import type { Message } from "../../src/wire/message.ts";
import { type CallCounts, type Fault, faultEngine } from "./fault_engine.ts";
import { memoryChannels } from "./memory_channel.ts";

/** An engine whose calls are counted, on a folder that is empty at first. */
export interface EngineFolder {
  engine: Engine;
  calls: CallCounts;
  path: string;
  root: Directory;
  /** Writes a file of the folder, and the directories that it is in. */
  write(path: string, content?: string | Uint8Array): void;
  /** Names in a directory of the folder, in order. */
  names(path?: string): string[];
}

/** Runs `body` in a temporary folder. `faults` are the calls of the engine that fail. */
export async function inFolder(
  body: (folder: EngineFolder) => Promise<void> | void,
  faults: readonly Fault[] = [],
): Promise<void> {
  const path = Deno.makeTempDirSync({ prefix: "rcopy-unit-" });
  const { engine, calls } = faultEngine(openDenoEngine(), faults);
  const root = engine.openRoot(path);
  try {
    await body({
      engine,
      calls,
      path,
      root,
      write(name, content = "") {
        const file = `${path}/${name}`;
        Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
        Deno.writeFileSync(file, typeof content === "string" ? bytesOf(content) : content);
      },
      names: (name = ".") => Array.from(Deno.readDirSync(`${path}/${name}`), (entry) => entry.name).sort(),
    });
  } finally {
    engine.closeDirectory(root);
    engine[Symbol.dispose]();
    Deno.removeSync(path, { recursive: true });
  }
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A control, and all messages that were sent on it so far and not asked for before. */
export interface HeardControl {
  control: Control;
  heard: () => Promise<Message[]>;
  /** Sends a message from the other end. */
  say: (...messages: Message[]) => Promise<void>;
  /** Closes the other end. */
  hangUp: () => void;
}

export function heardControl(): HeardControl {
  const [near, far] = memoryChannels();
  const control = new Control(near, new FrameSplitter());
  const other = new Control(far, new FrameSplitter());
  const splitter = new FrameSplitter();
  return {
    control,
    async heard() {
      await control.flushed();
      const messages: Message[] = [];
      const buffer = new Uint8Array(64 * 1024);
      while (far.bytesRead < near.bytesWritten) {
        splitter.push(buffer.subarray(0, await far.read(buffer)));
        for (let message = splitter.next(); message; message = splitter.next()) messages.push(message);
      }
      return messages;
    },
    async say(...messages) {
      for (const message of messages) other.send(message);
      await other.flushed();
    },
    hangUp: () => far.close(),
  };
}

/** A run of one end that has not begun, its control, and the events that it has emitted. */
export interface HeardRun<R extends Role> extends HeardControl {
  run: SessionRun<R>;
  events: TransferEvent[];
  /** Aborts the run. */
  abort: (reason: unknown) => void;
}

export function heardRun<R extends Role>(role: R, engine: Engine): HeardRun<R> {
  const events: TransferEvent[] = [];
  const heard = heardControl();
  const controller = new AbortController();
  const run = new SessionRun(role, {
    control: heard.control,
    peer: helloOf(role === "sender" ? "receiver" : "sender", engine),
    timeoutMs: 60_000,
    emit: (event) => events.push(event),
    signal: controller.signal,
    transfer: new Transfer(),
  });
  return { ...heard, run, events, abort: (reason) => controller.abort(reason) };
}

export function helloOf(role: Role, engine: Engine): Hello {
  return localHello(role, engine, { streams: { limit: 1 }, timeoutMs: 60_000, check: false });
}

/** The whole of a folder as one batch of a sender, number 0, everything wanted. */
export function scannedBatch(engine: Engine, path: string, number = 0): SendBatch {
  using scan = new Scan(engine, openSources(engine, [path]), {
    onSkipped: (_, name, error) => {
      throw new Error(`${textOf(name)}: ${error.message}`);
    },
    isDestination: () => false,
  });
  const batch = new SendBatch(number, { bytes: 1_000_000, entries: 2048 });
  for (let before = -1; scan.fill(batch); before = batch.count) {
    if (batch.count === before) throw new Error("the folder does not fit into one batch");
  }
  batch.markAll(true);
  batch.columns.ctimesNs.fill(0n); // as of an engine that does not know them: what a test has just made is read at once
  return batch;
}

/** The number of an entry in a batch. */
export function entryOf(batch: SendBatch, name: string): number {
  for (let i = 0; i < batch.count; i++) if (textOf(batch.columns.name(i)) === name) return i;
  throw new Error(`no ${name} in the batch`);
}

/** An entry for {@linkcode manifestOf}: a file unless `kind` or `text` says otherwise. */
export interface ListedEntry {
  name: string;
  kind?: EntryKind;
  mode?: number;
  size?: number;
  mtime?: Timestamp;
  /** Of a link. */
  text?: string;
}

/** A manifest message: runs of entries by the number of their directory, then the directories that it closes. */
export function manifestOf(
  batch: number,
  groups: readonly (readonly [directory: number, entries: readonly ListedEntry[]])[],
  closed: readonly number[] = [],
): Manifest {
  const entries = groups.flatMap(([, listed]) => listed);
  const joined = (texts: string[]) => bytesOf(texts.map((text) => `${text}\0`).join(""));
  return {
    kind: "manifest",
    batch,
    groupDirectories: Uint32Array.from(groups, ([directory]) => directory),
    groupCounts: Uint32Array.from(groups, ([, listed]) => listed.length),
    kinds: Uint8Array.from(
      entries,
      ({ kind, text }) => kind ?? (text === undefined ? EntryKind.file : EntryKind.link),
    ),
    modes: Uint16Array.from(entries, ({ mode }) => mode ?? 0o644),
    sizes: BigUint64Array.from(entries, ({ size }) => BigInt(size ?? 0)),
    mtimeSeconds: BigInt64Array.from(entries, ({ mtime }) => BigInt(mtime?.seconds ?? 1_700_000_000)),
    mtimeNanos: Uint32Array.from(entries, ({ mtime }) => mtime?.nanos ?? 0),
    names: joined(entries.map(({ name }) => name)),
    linkTargets: joined(entries.flatMap(({ text }) => text === undefined ? [] : [text])),
    closed: Uint32Array.from(closed),
    stamps: new Uint8Array(entries.filter(({ size = 0 }) => size > extentBytes).length * stampBytes),
  };
}

/** A batch of a receiver, of {@linkcode manifestOf}. */
export function arrivedBatch(...manifest: Parameters<typeof manifestOf>): ReceiveBatch {
  return new ReceiveBatch(manifestOf(...manifest), 1000);
}

/** The parts of a sender that know what was announced, sent and settled. Its run has not begun. */
export interface SendParts extends HeardRun<"sender">, Disposable {
  codec: Codec;
  hasher: EntryHasher;
  prefixes: PathPrefixes;
  large: Map<number, LargeSource>;
  unsettled: SendUnsettled;
  plan: SendPlan;
  failures: SendFailures;
  largeFiles: SendLargeFiles;
  comparison: SendComparison;
  /** Bytes that the receiver was found to have. */
  kept: { bytes: number };
}

export function sendParts(engine: Engine, { isDryRun = false, mustCompare = false } = {}): SendParts {
  const heard = heardRun("sender", engine);
  const { outcome, control } = heard.run;
  const codec = Codec.open({ arenaBytes: 0 });
  const hasher = new EntryHasher(codec);
  const prefixes = new PathPrefixes();
  const large = new Map<number, LargeSource>();
  const unsettled = new SendUnsettled({ outcome, codec, hasher, prefixes, large });
  const plan = new SendPlan(engine, codec, large);
  const failures = new SendFailures(control, outcome, prefixes);
  const kept = { bytes: 0 };
  const largeFiles = new SendLargeFiles({
    control,
    plan,
    unsettled,
    failures,
    hasher,
    prefixes,
    onKept: (bytes) => kept.bytes += bytes,
    mustCompare,
  });
  return {
    ...heard,
    codec,
    hasher,
    prefixes,
    large,
    unsettled,
    plan,
    failures,
    largeFiles,
    comparison: new SendComparison({
      control,
      plan,
      unsettled,
      failures,
      large: largeFiles,
      isDryRun,
      onEqual: (bytes) => kept.bytes += bytes,
    }),
    kept,
    [Symbol.dispose]() {
      unsettled.release();
      codec[Symbol.dispose]();
    },
  };
}
