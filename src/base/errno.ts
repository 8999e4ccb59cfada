/** The C names of errno, in rcopy's error codes. */
import type { ErrorCode } from "./errors.ts";

/** Names with a code of their own; every other name is `io`. See `src/io/contract/engine.ts`. */
const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ["ENOENT", "not-found"],
  ["EACCES", "not-permitted"],
  ["EPERM", "not-permitted"],
  ["ENOSPC", "no-space"],
  ["EDQUOT", "no-space"],
  ["EROFS", "read-only"],
  ["ENOTDIR", "type-conflict"],
  ["EISDIR", "type-conflict"],
  ["ELOOP", "type-conflict"],
  ["EEXIST", "exists"],
  ["ENOTEMPTY", "exists"],
]);

/** The code that an errno of this name ("ENOENT") becomes; `undefined` where it has none of its own. */
export function codeOfErrnoName(name: string): ErrorCode | undefined {
  return codes.get(name);
}
