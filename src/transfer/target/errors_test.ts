import { assertEquals, assertThrows } from "@std/assert";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import { asEntryError, destinationError } from "./errors.ts";

/** What becomes of an error about an entry, and of one about the destination; `undefined`: it ends the run as it is. */
const cases: [ErrorCode, asEntry: ErrorCode | undefined, ofDestination: ErrorCode][] = [
  ["not-permitted", "not-permitted", "destination"],
  ["exists", "exists", "destination"],
  ["no-space", undefined, "no-space"],
  ["read-only", undefined, "read-only"],
  ["internal", undefined, "internal"],
  ["permission-flag", "permission-flag", "permission-flag"],
];
for (const [code, asEntry, ofDestination] of cases) {
  Deno.test(`asEntryError() and destinationError() know whom ${code} concerns`, () => {
    const error = new RcopyError(code, "says the test");
    if (asEntry) assertEquals(asEntryError(error), error);
    else assertEquals(assertThrows(() => asEntryError(error), RcopyError), error);
    assertEquals(destinationError(error, "cannot write").code, ofDestination);
  });
}

Deno.test("destinationError() says what could not be done, and why", () => {
  const cause = new RcopyError("exists", "it is there");
  const error = destinationError(cause, "cannot write");
  assertEquals([error.message, error.cause], ["cannot write: it is there", cause]);
});

Deno.test("asEntryError() ends the run for what is no error of the file system", () => {
  assertThrows(() => asEntryError(new TypeError("a bug")), RcopyError, "a bug");
});
