/** What the C names of errno mean in rcopy's error codes. */
import type { ErrorCode } from "./errors.ts";

/** As `src/io/contract/engine.ts` says; what is not here is `io`. */
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
