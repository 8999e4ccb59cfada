/** Numbers of the error codes on the wire. */
import type { ErrorCode } from "../base/errors.ts";

/** Changing a number breaks peers; a new code gets a new number. 0 means that there is no error. */
export const wireCodeOf = {
  "internal": 1,
  "integrity": 2,
  "usage": 3,
  "source-missing": 4,
  "address-in-use": 5,
  "permission-flag": 6,
  "engine-unavailable": 7,
  "protocol": 8,
  "version": 9,
  "refused": 10,
  "busy": 11,
  "unreachable": 12,
  "peer-lost": 13,
  "timeout": 14,
  "no-space": 15,
  "read-only": 16,
  "destination": 17,
  "exists": 18,
  "type-conflict": 19,
  "name-unsafe": 20,
  "name-unrepresentable": 21,
  "unsupported-kind": 22,
  "not-permitted": 23,
  "not-found": 24,
  "vanished": 25,
  "changed": 26,
  "corrupt": 27,
  "parent-failed": 28,
  "not-sent": 29,
  "io": 30,
  "interrupted": 31,
  "same-place": 32,
  "grown": 33,
  "peer-ended": 34,
  "again": 35,
} as const satisfies Record<ErrorCode, number>;

const codeOfNumber = new Map<number, ErrorCode>(
  Object.entries(wireCodeOf).map(([code, number]) => [number, code as ErrorCode]),
);

/** The code of a number; `io` for one that this version does not know, since a newer peer may have more reasons. */
export function errorCodeOf(number: number): ErrorCode {
  return codeOfNumber.get(number) ?? "io";
}
