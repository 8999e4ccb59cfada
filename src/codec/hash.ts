/** Hashes as bytes: one of them, or a table with one after the other. */
import { hashBytes } from "../wire/limits.ts";

/** Whether the hash is the one that a table has at byte `at`. */
export function sameHash(hash: Uint8Array, table: Uint8Array, at = 0): boolean {
  for (let i = 0; i < hashBytes; i++) if (hash[i] !== table[at + i]) return false;
  return true;
}

/** A view of row `row` of a table. */
export function hashAt(table: Uint8Array, row: number): Uint8Array {
  return table.subarray(row * hashBytes, (row + 1) * hashBytes);
}

/** A table of these rows of another one, as a copy. */
export function pickHashes(table: Uint8Array, rows: readonly number[]): Uint8Array {
  const picked = new Uint8Array(rows.length * hashBytes);
  for (const [i, row] of rows.entries()) picked.set(hashAt(table, row), i * hashBytes);
  return picked;
}
