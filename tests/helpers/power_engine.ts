/**
 * An engine that writes down what reaches a file system, and what a loss of power can leave of it.
 *
 * The model, as ext4 and XFS behave:
 * - Names, times, modes and the emptiness of a new file are metadata: a loss of power keeps them up to some moment, in order.
 * - Content that was not synced survives or not. A file reaches as far as the last of its content that survived.
 * - The kernel writes a file back in one pass, from its start on, unless it began before all was written, since somebody asked
 *   it to or a long time went by: so of a file that one run wrote and never synced the first part survives, and of any other
 *   each write may or may not.
 * - A sync of a file keeps its content, and all metadata up to then; one of the file system keeps everything.
 */
import type {
  Directory,
  Engine,
  FileWrite,
  OwnFile,
  Pending,
  TargetFile,
} from "../../src/io/contract/engine.ts";

/** A file of the log, whatever its names. */
export interface LoggedFile {
  id: number;
}

/** What was done, in order. */
type Step =
  | { kind: "name"; file: LoggedFile; path: string }
  | { kind: "unname"; path: string }
  | { kind: "rename"; from: string; to: string }
  | { kind: "time"; file: LoggedFile; seconds: number }
  | { kind: "write"; file: LoggedFile; offset: number; bytes: Uint8Array }
  /** A sync that has ended, of a file or of all: what was done while it ran, after the first `of` steps, may be left out. */
  | { kind: "sync"; file: LoggedFile | undefined; of: number }
  /** A later run opens it: the kernel has had all the time to write some of it back. */
  | { kind: "reopen"; file: LoggedFile };

/** A file as it is found after a loss of power. */
export interface FoundFile {
  seconds: number | undefined;
  content: Uint8Array;
}

export class PowerLog {
  readonly steps: Step[] = [];
  /** What has a name now. */
  readonly named = new Map<string, LoggedFile>();
  #files = 0;

  file(): LoggedFile {
    return { id: this.#files++ };
  }

  /**
   * Every state of every path that a loss of power can leave, once, with the first moment at which it can: `visit` gets the path
   * and what is found there. Paths that are not there are not visited.
   */
  losses(visit: (moment: number, path: string, found: FoundFile) => void): void {
    this.#visitMoments((moment, names, see) => {
      for (const path of names.keys()) see([path], ([found]) => visit(moment, path, found!));
    });
  }

  /** The same of some paths at a time, in every way in which they can be found together. */
  lossesOf(paths: readonly string[], visit: (moment: number, found: FoundFile[]) => void): void {
    this.#visitMoments((moment, names, see) => {
      if (paths.every((path) => names.has(path))) see(paths, (found) => visit(moment, found));
    });
  }

  #visitMoments(
    body: (
      moment: number,
      names: ReadonlyMap<string, NamedFile>,
      see: (paths: readonly string[], visit: (found: FoundFile[]) => void) => void,
    ) => void,
  ): void {
    const seen = new Set<string>();
    for (let moment = 0; moment <= this.steps.length; moment++) {
      for (let kept = this.#keptBy(moment); kept <= moment; kept++) {
        const names = this.#namesAfter(kept);
        body(moment, names, (paths, visit) => {
          for (
            const writes of inEveryWay(
              paths.map((path) => [...this.#survivors(names.get(path)!.file, moment)]),
            )
          ) {
            const found = paths.map((path, i) => ({ ...names.get(path)!, writes: writes[i]! }));
            const key = found.map((file, i) => `${paths[i]} ${this.#keyOf(file)}`).join(", ");
            if (seen.has(key)) continue;
            seen.add(key);
            visit(found.map(({ seconds, writes }) => ({ seconds, content: contentOf(writes) })));
          }
        });
      }
    }
  }

  #keyOf({ file, seconds, writes }: NamedFile & { writes: readonly Write[] }): string {
    return `${file.id} ${seconds} ${writes.map((write) => this.steps.indexOf(write)).sort()}`;
  }

  /** Metadata that no loss of power at a moment takes: that before the last sync. */
  #keptBy(moment: number): number {
    const syncs = this.steps.slice(0, moment).filter((step) => step.kind === "sync");
    return Math.max(0, ...syncs.map(({ of }) => of));
  }

  /** Names, and the times of what they are of, after so many steps. */
  #namesAfter(steps: number): Map<string, NamedFile> {
    const names = new Map<string, LoggedFile>();
    const times = new Map<LoggedFile, number>();
    for (const step of this.steps.slice(0, steps)) {
      if (step.kind === "name") names.set(step.path, step.file);
      else if (step.kind === "unname") names.delete(step.path);
      else if (step.kind === "time") times.set(step.file, step.seconds);
      else if (step.kind === "rename") {
        names.set(step.to, names.get(step.from)!);
        names.delete(step.from);
      }
    }
    return new Map([...names].map(([path, file]) => [path, { file, seconds: times.get(file) }]));
  }

  /** Which writes of a file can survive a loss of power at a moment. */
  *#survivors(file: LoggedFile, moment: number): Generator<Write[]> {
    let sureOf = 0;
    let isInOrder = true;
    for (const step of this.steps.slice(0, moment)) {
      if (step.kind === "reopen" && step.file === file) isInOrder = false;
      if (step.kind !== "sync" || (step.file && step.file !== file)) continue;
      isInOrder = false;
      sureOf = Math.max(sureOf, step.of);
    }
    const isOf = (step: Step): step is Write => step.kind === "write" && step.file === file;
    const sure = this.steps.slice(0, sureOf).filter(isOf);
    const open = this.steps.slice(sureOf, moment).filter(isOf);
    if (isInOrder) {
      const inOrder = open.toSorted((a, b) => a.offset - b.offset);
      for (let count = 0; count <= inOrder.length; count++) yield inOrder.slice(0, count);
      return;
    }
    if (open.length > combinedMax) {
      throw new Error(`${open.length} writes are not synced: too many to combine`);
    }
    for (let chosen = 0; chosen < 2 ** open.length; chosen++) {
      yield [...sure, ...open.filter((_, i) => (chosen >> i & 1) === 1)];
    }
  }
}

interface NamedFile {
  file: LoggedFile;
  seconds: number | undefined;
}

type Write = Extract<Step, { kind: "write" }>;

/** Writes of one file that are combined in every way. */
const combinedMax = 10;

/** One choice of each. */
function* inEveryWay<T>(choices: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = choices;
  if (!first) return yield [];
  for (const choice of first) for (const others of inEveryWay(rest)) yield [choice, ...others];
}

function contentOf(writes: readonly Write[]): Uint8Array {
  const content = new Uint8Array(Math.max(0, ...writes.map(({ offset, bytes }) => offset + bytes.length)));
  for (const { offset, bytes } of writes) content.set(bytes, offset);
  return content;
}

/** Wraps an engine. Paths of the log are those below the directory that it opens first. A later run may have the log of an earlier one. */
export function powerEngine(engine: Engine, log = new PowerLog()): { engine: Engine; log: PowerLog } {
  const recorder = new Recorder(log);
  const wrapped = new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== "function") return value;
      const call = (...args: unknown[]): unknown => value.apply(target, args);
      const handler = recorder[property as keyof Recorder] as
        | ((call: () => unknown, ...args: unknown[]) => unknown)
        | undefined;
      if (handler === undefined) return call;
      return (...args: unknown[]) => handler.call(recorder, () => call(...args), ...args);
    },
  });
  return { engine: wrapped, log };
}

/** Writes down calls, each by a method of the engine's name. Only what the call has done in the end is written down. */
class Recorder {
  readonly #log: PowerLog;
  readonly #paths = new Map<Directory, string>();
  readonly #targets = new Map<TargetFile, LoggedFile>();
  constructor(log: PowerLog) {
    this.#log = log;
  }

  openRoot(call: () => unknown): unknown {
    const directory = call() as Directory;
    this.#paths.set(directory, "");
    return directory;
  }

  openDirectory(call: () => unknown, parent: Directory, name: Uint8Array): unknown {
    const directory = call() as Directory;
    this.#paths.set(directory, `${this.#pathOf(parent, name)}/`);
    return directory;
  }

  makeDirectory(call: () => unknown, parent: Directory, name: Uint8Array): unknown {
    return this.openDirectory(call, parent, name);
  }

  /** A small file: by the contract, content, time and mode, in this order, and the final name last unless it has it at once. */
  createFiles(call: () => unknown, files: readonly FileWrite[], memory: Uint8Array): unknown {
    const contents = files.map(({ offset, size }) => memory.slice(offset, offset + size));
    return afterwards(call() as Pending, () => {
      for (const [i, write] of files.entries()) {
        if (write.error) continue;
        const path = this.#pathOf(write.directory, write.name);
        const file = this.#log.file();
        const first = write.atOnce ? path : `${path}.temporary`;
        this.#push({ kind: "name", file, path: first });
        if (contents[i]!.length > 0) this.#push({ kind: "write", file, offset: 0, bytes: contents[i]! });
        this.#push({ kind: "time", file, seconds: write.mtime.seconds });
        if (first !== path) this.#push({ kind: "rename", from: first, to: path });
      }
    });
  }

  createTarget(call: () => unknown, directory: Directory, temporary: Uint8Array): unknown {
    const target = call() as TargetFile;
    const file = this.#log.file();
    this.#targets.set(target, file);
    this.#push({ kind: "name", file, path: this.#pathOf(directory, temporary) });
    return target;
  }

  /** A part that an earlier run left. */
  openTarget(call: () => unknown, directory: Directory, temporary: Uint8Array): unknown {
    const target = call() as TargetFile | undefined;
    if (!target) return undefined;
    const file = this.#log.named.get(this.#pathOf(directory, temporary))!;
    this.#targets.set(target, file);
    this.#push({ kind: "reopen", file });
    return target;
  }

  writeRange(call: () => unknown, target: TargetFile, offset: number, source: Uint8Array): unknown {
    const file = this.#targets.get(target)!;
    const bytes = source.slice();
    return afterwards(call() as Pending, () => this.#push({ kind: "write", file, offset, bytes }));
  }

  async syncTarget(call: () => unknown, target: TargetFile): Promise<void> {
    const file = this.#targets.get(target)!;
    await this.#synced(call, file);
  }

  finishTarget(call: () => unknown, target: TargetFile, metadata: { mtime: { seconds: number } }): unknown {
    const result = call();
    this.#push({ kind: "time", file: this.#targets.get(target)!, seconds: metadata.mtime.seconds });
    return result;
  }

  place(call: () => unknown, directory: Directory, temporary: Uint8Array, name: Uint8Array): unknown {
    const result = call();
    const from = this.#pathOf(directory, temporary);
    if (this.#log.named.has(from)) this.#push({ kind: "rename", from, to: this.#pathOf(directory, name) });
    return result;
  }

  unlink(call: () => unknown, directory: Directory, name: Uint8Array): unknown {
    const result = call();
    this.#push({ kind: "unname", path: this.#pathOf(directory, name) });
    return result;
  }

  createOwn(call: () => unknown, directory: Directory, name: Uint8Array): unknown {
    const own = call() as OwnFile;
    const file = this.#log.file();
    this.#push({ kind: "name", file, path: this.#pathOf(directory, name) });
    return this.#loggedOwn(own, file);
  }

  openOwn(call: () => unknown, directory: Directory, name: Uint8Array): unknown {
    const own = call() as OwnFile | undefined;
    return own && this.#loggedOwn(own, this.#log.named.get(this.#pathOf(directory, name))!);
  }

  async syncFileSystem(call: () => unknown): Promise<void> {
    await this.#synced(call, undefined);
  }

  async #synced(call: () => unknown, file: LoggedFile | undefined): Promise<void> {
    const of = this.#log.steps.length;
    await call();
    this.#push({ kind: "sync", file, of });
  }

  #loggedOwn(own: OwnFile, file: LoggedFile): OwnFile {
    return new Proxy(own, {
      get: (target, property) => {
        const value = Reflect.get(target, property, target) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (property === "sync") {
            return this.#synced(() => value.apply(target, args), file);
          }
          const result = value.apply(target, args);
          if (property === "write") {
            this.#push({
              kind: "write",
              file,
              offset: args[0] as number,
              bytes: (args[1] as Uint8Array).slice(),
            });
          }
          return result;
        };
      },
    });
  }

  #push(step: Step): void {
    this.#log.steps.push(step);
    if (step.kind === "name") this.#log.named.set(step.path, step.file);
    else if (step.kind === "unname") this.#log.named.delete(step.path);
    else if (step.kind === "rename") {
      this.#log.named.set(step.to, this.#log.named.get(step.from)!);
      this.#log.named.delete(step.from);
    }
  }

  #pathOf(directory: Directory, name: Uint8Array): string {
    return this.#paths.get(directory)! + new TextDecoder().decode(name);
  }
}

/** Does something once work that was started has ended well. */
function afterwards(pending: Pending, then: () => void): Pending {
  return {
    finish() {
      const waiting = pending.finish();
      return waiting instanceof Promise ? waiting.then(then) : then();
    },
  };
}
