/**
 * Every operation of the portable engine once, in a process that has the permissions of the test and may ask nobody.
 * Prints, as JSON, the code and message of each operation that failed. Imports nothing but the engine, so that
 * nothing else needs a permission.
 *
 *     deno run --no-prompt --allow-read=FOLDER --allow-write=FOLDER permission_child.ts FOLDER
 */
import { RcopyError } from "../../src/base/errors.ts";
import { EntryColumns } from "../../src/entry/columns.ts";
import { ownName as named } from "../../src/entry/name.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import type { Directory, Engine, FileWrite } from "../../src/io/contract/engine.ts";

/** What became of each operation: nothing when it was done. */
export type Outcomes = Record<string, { code: string; message: string } | undefined>;

const mtime = { seconds: 1_500_000_000, nanos: 0 };

/** Operations in an order in which each finds what it needs. */
const operations: Record<string, (engine: Engine, root: Directory) => unknown> = {
  makeDirectory: (engine, root) => engine.makeDirectory(root, named("made"), 0o755),
  createFiles(engine, directory) {
    const memory = new Uint8Array(10);
    const files = ["small", "other"].map((name, at): FileWrite => ({
      directory,
      name: named(name),
      atOnce: at === 0,
      mode: 0o666,
      mtime,
      offset: 0,
      size: 10,
    }));
    engine.createFiles(files, memory).finish();
    for (const { error } of files) if (error) throw error;
  },
  createTarget(engine, root) {
    const file = engine.createTarget(root, named("large"), { size: 10, mode: 0o666 });
    engine.writeRange(file, 0, new Uint8Array(10)).finish();
    engine.syncTarget(file);
    engine.finishTarget(file, { mode: 0o666, mtime });
  },
  createLink: (engine, root) => engine.createLink(root, named("link"), named("small"), mtime),
  list(engine, directory) {
    using listing = engine.list(directory);
    const columns = new EntryColumns();
    while (listing.next(columns, 10));
    for (const { error } of columns.failures) throw error;
    const names = Array.from(
      { length: columns.count },
      (_, at) => new TextDecoder().decode(columns.name(at)),
    );
    const name = names.indexOf("small");
    const read = { directory, name: named("small"), expected: columns.identity(name), offset: 0 };
    const batch = [{ ...read, error: undefined }];
    engine.readFiles(batch, new Uint8Array(10)).finish();
    if (batch[0]!.error) throw batch[0]!.error;
    const source = engine.openSource(directory, read.name, read.expected);
    engine.readRange(source, 0, new Uint8Array(10)).finish();
    engine.checkUnchanged(source);
    engine.closeSource(source);
  },
  lookup(engine, root) {
    const [found] = engine.lookup(root, [named("small")]);
    if (found instanceof RcopyError) throw found;
  },
  setFileMode: (engine, root) => engine.setFileMode(root, named("small"), 0o600),
  setFileTime: (engine, root) => engine.setFileTime(root, named("small"), { seconds: 0, nanos: 0 }),
  place: (engine, root) => engine.place(root, named("other"), named("placed")),
  unlink: (engine, root) => engine.unlink(root, named("placed")),
  traitsOf: (engine, root) => engine.traitsOf(root),
  createOwn: (engine, root) => engine.createOwn(root, named("own"))[Symbol.dispose](),
  openOwn: (engine, root) => engine.openOwn(root, named("own"))?.[Symbol.dispose](),
  openTarget: (engine, root) => {
    const options = { size: 10, mode: 0o666, whole: { name: named("whole"), size: 0, mtime } };
    const file = engine.openTarget(root, named("own"), options);
    if (file) engine.abandonTarget(file);
  },
  removeUnfinished: (engine, root) =>
    engine.removeUnfinished(root, named("own"), { name: named("whole"), size: 0, mtime }),
  syncFileSystem: (engine, root) => engine.syncFileSystem(root),
  freeSpace: (engine, root) => engine.freeSpace(root),
  setDirectoryMode: (engine, root) => engine.setDirectoryMode(root, 0o700),
  setDirectoryMetadata: (engine, root) =>
    engine.setDirectoryMetadata(root, { mode: 0o750, mtime }, { mayLoosen: true }),
};

if (import.meta.main) {
  using engine = openDenoEngine();
  const root = engine.openRoot(Deno.args[0]!);
  const outcomes: Outcomes = {};
  for (const [name, operation] of Object.entries(operations)) {
    try {
      operation(engine, root);
    } catch (error) {
      const { code = "none", message } = error as { code?: string; message: string };
      outcomes[name] = { code, message };
    }
  }
  engine.closeDirectory(root);
  console.log(JSON.stringify(outcomes));
}
