/** What the tests of the contract have in common: a folder, an engine on it, short ways to do one thing. */
import { assert, assertEquals } from "@std/assert";
import { type ErrorCode, RcopyError } from "../../src/base/errors.ts";
import { EntryColumns } from "../../src/entry/columns.ts";
import { type EntryName, ownName } from "../../src/entry/name.ts";
import { temporaryName } from "../../src/entry/temporary_name.ts";
import type { FileIdentity, Timestamp } from "../../src/entry/metadata.ts";
import {
  type Directory,
  type Engine,
  type EntryLookup,
  type FileRead,
  type FileWrite,
  Lacks,
  type Replaceable,
} from "../../src/io/contract/engine.ts";
import { whyNot, withFolder } from "../helpers/test_folder.ts";

/** An engine and how to get it; `why` is the reason that it cannot be had here. */
export interface ContractEngine {
  name: "deno" | "uring";
  open: () => Engine;
  why: string | undefined;
}

/** What a test is given: an empty folder, opened as a root. */
export interface ContractCase {
  engine: Engine;
  root: Directory;
  folder: string;
}

/** Registers one test of the contract; where it cannot run, its name says why. */
export type ContractTest = (
  name: string,
  body: (contractCase: ContractCase) => Promise<void> | void,
  needs?: Parameters<typeof whyNot>[0],
) => void;

/** The way to register tests of one engine. */
export function contractTest({ name: engineName, open, why }: ContractEngine): ContractTest {
  return (name, body, needs = {}) => {
    const reason = why ?? whyNot(needs);
    const shown = `${engineName} engine: ${name}`;
    Deno.test({
      name: reason === undefined ? shown : `${shown} (skipped: ${reason})`,
      ignore: reason !== undefined,
      fn: () =>
        withFolder(async (folder) => {
          using engine = open();
          const root = engine.openRoot(folder);
          try {
            await body({ engine, root, folder });
          } finally {
            engine.closeDirectory(root);
          }
        }),
    });
  };
}

/** A name that the test made up. */
export const named = (text: string): EntryName => ownName(text);

/** Numbers that look like nothing else, the same for the same seed. */
export function contentOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = (seed * 2654435761 + size) >>> 0;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Everything in a directory, taken `entriesMax` at a time. */
export function listAll(engine: Engine, directory: Directory, entriesMax = 1000): EntryColumns {
  const columns = new EntryColumns(1);
  using listing = engine.list(directory);
  for (let more = true; more;) {
    const before = columns.count + columns.failures.length;
    more = listing.next(columns, entriesMax);
    assert(
      columns.count + columns.failures.length - before <= entriesMax,
      "a chunk is no longer than asked for",
    );
  }
  return columns;
}

/** What the listing says of one file. */
export function identityIn(engine: Engine, directory: Directory, name: string): FileIdentity {
  const columns = listAll(engine, directory);
  for (let index = 0; index < columns.count; index++) {
    if (new TextDecoder().decode(columns.name(index)) === name) return columns.identity(index);
  }
  throw new Error(`${name} is not in the listing`);
}

/** A batch of reads, laid out one after the other, and memory for it. */
export function readBatch(
  files: { directory: Directory; name: EntryName; expected: FileIdentity }[],
): { batch: FileRead[]; memory: Uint8Array<ArrayBuffer> } {
  let offset = 3; // not aligned to anything
  const batch = files.map((file) => {
    const read = { ...file, offset };
    offset += file.expected.size;
    return read;
  });
  return { batch, memory: new Uint8Array(offset + 8) };
}

/** Reads one small file; its bytes, or the error beside it. */
export async function readOne(
  { engine, root }: Pick<ContractCase, "engine" | "root">,
  name: string,
  expected: FileIdentity,
): Promise<Uint8Array | RcopyError> {
  const { batch, memory } = readBatch([{ directory: root, name: named(name), expected }]);
  await engine.readFiles(batch, memory).finish();
  const { error, offset } = batch[0]!;
  return error ?? memory.subarray(offset, offset + expected.size);
}

/** What a test says of a file to create, where it matters. */
export interface FileOptions {
  content?: Uint8Array<ArrayBuffer>;
  mode?: number;
  mtime?: Timestamp;
  /** What of a large file is refused; nothing by default. */
  lacks?: number;
}

/** A time that no file has by itself. */
export const plainTime: Timestamp = { seconds: 1_500_000_000, nanos: 0 };

/** One small file to create, of five bytes from the start of the memory unless told. */
export function fileWrite(directory: Directory, name: string, options: Partial<FileWrite> = {}): FileWrite {
  return {
    directory,
    name: named(name),
    atOnce: false,
    mode: 0o644,
    mtime: plainTime,
    offset: 0,
    size: 5,
    ...options,
  };
}

/** Creates one small file; the error beside it, if there is one. */
export async function createOne(
  engine: Engine,
  directory: Directory,
  name: string,
  options: FileOptions & { atOnce?: boolean; replaces?: Replaceable } = {},
): Promise<RcopyError | undefined> {
  const { content = contentOf(5), ...rest } = options;
  const file = fileWrite(directory, name, { ...rest, size: content.length });
  await engine.createFiles([file], content).finish();
  return file.error;
}

/** Makes a directory. */
export function makeDirectory(engine: Engine, parent: Directory, name: string, mode = 0o755): Directory {
  return engine.makeDirectory(parent, named(name), mode);
}

/** Gives a directory that the run has made its mode and time; what was refused. */
export function settle(engine: Engine, directory: Directory, mode: number, mtime = plainTime): number {
  return engine.setDirectoryMetadata(directory, { mode, mtime }, { mayLoosen: true });
}

/** Writes one large file whole, and puts it into place. */
export async function createLarge(
  engine: Engine,
  directory: Directory,
  name: string,
  options: FileOptions = {},
): Promise<void> {
  const { content = contentOf(100_000), mode = 0o644, mtime = plainTime, lacks = Lacks.nothing } = options;
  const temporary = temporaryName(named(name));
  const file = engine.createTarget(directory, temporary, { size: content.length, mode });
  await engine.writeRange(file, 0, content).finish();
  assertEquals(engine.finishTarget(file, { mode, mtime }), lacks, "what is refused");
  engine.place(directory, temporary, named(name));
}

/** Fails unless the call throws an error with one of these codes, which is returned. */
export function assertCode(codes: ErrorCode | readonly ErrorCode[], call: () => unknown): RcopyError {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  return checkCode(codes, thrown);
}

/** Fails unless this is an error with one of these codes. */
export function checkCode(codes: ErrorCode | readonly ErrorCode[], error: unknown): RcopyError {
  if (!(error instanceof RcopyError)) throw new Error(`an RcopyError with code ${codes}, and not ${error}`);
  assert([codes].flat().includes(error.code), `code ${error.code} (${error.message}) should be ${codes}`);
  assert(error.message.length > 10, "the message says something");
  return error;
}

/** What is under a name; fails if there is an error in its place. */
export function lookUpOne(engine: Engine, directory: Directory, name: string): EntryLookup | undefined {
  const [found] = engine.lookup(directory, [named(name)]);
  if (found instanceof RcopyError) throw found;
  return found;
}

/** A field of `stat --format`. */
export async function statOf(path: string, format: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("stat", {
    args: [`--format=${format}`, path],
    env: { LC_ALL: "C" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** The modification time that `stat` prints: whole seconds, rounded down, and nanoseconds. */
export async function mtimeOf(path: string): Promise<Timestamp> {
  const [, sign, whole, fraction] = /^(-?)(\d+)\.(\d{9})$/.exec(await statOf(path, "%.9Y"))!;
  const ns = BigInt(`${sign}${whole}${fraction}`);
  const seconds = Number((ns - ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n) / 1_000_000_000n);
  return { seconds, nanos: Number(ns - BigInt(seconds) * 1_000_000_000n) };
}

/** Fails unless two times differ by less than the engine's step. */
export function assertTime(engine: Engine, found: Timestamp, wanted: Timestamp): void {
  const difference = (found.seconds - wanted.seconds) * 1e9 + (found.nanos - wanted.nanos);
  if (Math.abs(difference) < engine.mtimeResolutionNs) return;
  assertEquals(found, wanted);
}

/** Times at every edge. */
export const edgeTimes: readonly Timestamp[] = [
  { seconds: 0, nanos: 0 },
  { seconds: 1, nanos: 1 },
  { seconds: 1_500_000_000, nanos: 999_999_999 },
  { seconds: 1_500_000_000, nanos: 1 },
  { seconds: 1_700_000_000, nanos: 123_456_789 },
  { seconds: -1, nanos: 999_999_999 },
  { seconds: -1, nanos: 1 },
  { seconds: -86_400, nanos: 0 },
  { seconds: -1_000_000_000, nanos: 500_000_001 },
  { seconds: 2_147_483_648, nanos: 999_000_000 },
  { seconds: 4_294_967_297, nanos: 5_000_000 },
];
