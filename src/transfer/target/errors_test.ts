import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type EntryName, noName, parseEntryName } from "../../entry/name.ts";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import { asEntryError, destinationError, Refusals } from "./errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import { withFolder } from "../../../tests/helpers/test_folder.ts";
import { TargetTree } from "./tree.ts";

const { root } = new TargetTree(undefined, 7);
/** A directory on a file system that is mounted inside the destination. */
const mounted = Object.assign(
  new TargetTree(undefined, 7).announce({
    parent: root,
    name: noName,
    mode: 0o755,
    mtime: { seconds: 0, nanos: 0 },
  }),
  { device: 8 },
);

/** What becomes of an error about an entry, and of one about the destination; `undefined`: it ends the run as it is. */
const cases: [ErrorCode, asEntry: ErrorCode | undefined, ofDestination: ErrorCode][] = [
  ["not-permitted", "not-permitted", "destination"],
  ["exists", "exists", "destination"],
  ["no-space", undefined, "no-space"],
  ["read-only", "read-only", "read-only"],
  ["internal", undefined, "internal"],
  ["permission-flag", "permission-flag", "permission-flag"],
];
for (const [code, asEntry, ofDestination] of cases) {
  Deno.test(`asEntryError() and destinationError() know whom ${code} concerns`, () => {
    const error = new RcopyError(code, "says the test");
    if (asEntry) assertEquals(asEntryError(error, root), error);
    else assertEquals(assertThrows(() => asEntryError(error, root), RcopyError), error);
    assertEquals(destinationError(error, "cannot write").code, ofDestination);
  });
}

Deno.test("destinationError() says what could not be done, and why", () => {
  const cause = new RcopyError("exists", "it is there");
  const error = destinationError(cause, "cannot write");
  assertEquals([error.message, error.cause], ["cannot write: it is there", cause]);
});

Deno.test("asEntryError() ends the run for what is no error of the file system", () => {
  assertThrows(() => asEntryError(new TypeError("a bug"), root), RcopyError, "a bug");
});

Deno.test("asEntryError() fails one entry where a file system inside the destination is full", () => {
  const error = new RcopyError("no-space", "says the test");
  assertEquals(asEntryError(error, mounted), error);
});

const bytesOf = (text: string) => new TextEncoder().encode(text);
const badUtf8 = new Uint8Array([0x61, 0xff, 0x62]);
const { file, link, directory } = EntryKind;
/** What is said of a name, of a kind, by an errno; `undefined`: what the engine says. `readme` and `Ab` are there. */
const refusals: [name: string | Uint8Array, kind: EntryKind, errno: string, said: RegExp | undefined][] = [
  ["a:b", file, "ENOENT", /it seems, does not take the name "a:b": it holds ":" \(ENOENT\)/],
  ["a:b", directory, "EINVAL", /system does not take the name "a:b": it holds ":" \(EINVAL\); rename/],
  ["new\nline", file, "ENOENT", /does not take the name "new\\nline": it holds "\\n"/],
  ["q?", link, "EINVAL", /it holds "\?"/],
  ["dot.", file, "EINVAL", /it ends with a dot/],
  ["space ", file, "EINVAL", /it ends with a space/],
  ["Con.txt", file, "EINVAL", /Windows has a device of it/],
  ["plain", file, "ENOENT", undefined],
  ["plain", file, "EINVAL", undefined],
  ["console", file, "EINVAL", undefined],
  [badUtf8, file, "EILSEQ", /does not take the name "a\\xffb": it is not UTF-8 \(EILSEQ\)/],
  ["plain", file, "EILSEQ", /it has no such character \(EILSEQ\)/],
  ["n".repeat(200), file, "ENAMETOOLONG", /of 200 bytes \(ENAMETOOLONG\)/],
  ["l", link, "ENOSYS", /the file system has no symbolic links \(ENOSYS\)/],
  ["l", link, "EOPNOTSUPP", /has no symbolic links/],
  ["l", link, "EPERM", /has no symbolic links, or none may be made/],
  ["l", file, "ENOSYS", undefined],
  ["l", file, "EPERM", undefined],
  ["README", file, "EEXIST", /takes "README" and "readme" for one name \(EEXIST\)/],
  ["AB", directory, "EEXIST", /takes "AB" and "Ab" for one name/],
  ["readme. ", file, "EEXIST", /takes "readme. " and "readme" for one name/],
  ["readme", file, "EEXIST", undefined],
  ["other", file, "EEXIST", undefined],
  ["plain", file, "EIO", undefined],
];
Deno.test("explain() says what a file system means, and leaves alone what says it already", async () => {
  await withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/readme`, "");
    Deno.mkdirSync(`${folder}/Ab`);
    using engine = openDenoEngine();
    const handle = engine.openRoot(folder);
    const top = Object.assign(new TargetTree(undefined, 7).root, { handle });
    for (const [name, kind, errno, said] of refusals) {
      const code = errno === "EEXIST" ? "exists" : "io";
      const error = new RcopyError(code, "says the engine", { errno });
      const entryName: EntryName = parseEntryName(typeof name === "string" ? bytesOf(name) : name);
      const told = new Refusals(engine).explain({ directory: top, name: entryName, kind }, error);
      assertEquals([told.code, told.errno], [error.code, errno]);
      if (said === undefined) assertEquals(told, error);
      else assertMatch(told.message, said);
    }
    engine.closeDirectory(handle);
    return Promise.resolve();
  });
});

Deno.test("explain() does not blame a name for a directory that is gone", async () => {
  await withFolder((folder) => {
    Deno.mkdirSync(`${folder}/gone`);
    using engine = openDenoEngine();
    const handle = engine.openRoot(`${folder}/gone`);
    const top = Object.assign(new TargetTree(undefined, 7).root, { handle });
    Deno.removeSync(`${folder}/gone`);
    const error = new RcopyError("not-found", "says the engine", { errno: "ENOENT" });
    const name = parseEntryName(bytesOf("a:b"));
    assertEquals(new Refusals(engine).explain({ directory: top, name, kind: file }, error), error);
    engine.closeDirectory(handle);
    return Promise.resolve();
  });
});
