import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind, type Metadata } from "../../entry/metadata.ts";
import { decide } from "./plan.ts";
import type { ExistsPolicy } from "./policy.ts";

function file(changes: Partial<Metadata> = {}): Metadata {
  return {
    kind: EntryKind.file,
    mode: 0o644,
    size: 10,
    mtime: { seconds: 100, nanos: 123_456_789 },
    ...changes,
  };
}

function outcome(
  wanted: Metadata,
  found: Metadata,
  exists: ExistsPolicy = "changed",
  mtimeResolutionNs = 1,
): string {
  const decision = decide(wanted, found, { exists, mtimeResolutionNs });
  return decision instanceof RcopyError ? decision.code : decision;
}

Deno.test("decide() skips a file of the same size and time, whatever its mode", () => {
  assertEquals(outcome(file(), file({ mode: 0o600 })), "skip");
});

Deno.test("decide() copies a file of another size or time", () => {
  assertEquals(outcome(file(), file({ size: 11 })), "copy");
  assertEquals(outcome(file(), file({ mtime: { seconds: 100, nanos: 123_456_788 } })), "copy");
  assertEquals(outcome(file(), file({ mtime: { seconds: 99, nanos: 123_456_789 } })), "copy");
});

Deno.test("decide() compares times at the coarser precision of the two ends", () => {
  const milliseconds = 1_000_000;
  assertEquals(
    outcome(file(), file({ mtime: { seconds: 100, nanos: 123_000_000 } }), "changed", milliseconds),
    "skip",
  );
  assertEquals(
    outcome(file(), file({ mtime: { seconds: 100, nanos: 124_000_000 } }), "changed", milliseconds),
    "copy",
  );
  assertEquals(outcome(file(), file({ mtime: { seconds: 100, nanos: 0 } }), "changed", 1e9), "skip");
  assertEquals(outcome(file(), file({ mtime: { seconds: 101, nanos: 0 } }), "changed", 2e9), "skip");
});

Deno.test("decide() obeys --exists", () => {
  assertEquals(outcome(file(), file({ size: 11 }), "skip"), "skip");
  assertEquals(outcome(file(), file(), "replace"), "replace");
  assertEquals(outcome(file(), file(), "fail"), "exists");
});

Deno.test("decide() refuses a file where a directory must go, and the reverse", () => {
  const directory = file({ kind: EntryKind.directory, size: 0 });
  const link = file({ kind: EntryKind.link, size: 0 });
  for (const exists of ["changed", "skip", "replace", "fail"] as const) {
    assertEquals(outcome(directory, file(), exists), "type-conflict");
    assertEquals(outcome(file(), directory, exists), "type-conflict");
    assertEquals(outcome(directory, link, exists), "type-conflict");
    assertEquals(outcome(link, directory, exists), "type-conflict");
    assertEquals(outcome(directory, directory, exists), "copy");
  }
});
