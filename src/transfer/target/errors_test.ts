import { assertEquals, assertThrows } from "@std/assert";
import { noName } from "../../entry/name.ts";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import { asEntryError, destinationError } from "./errors.ts";
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
