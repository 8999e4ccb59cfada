/**
 * Base32 (RFC 4648), lower case and without padding. The package is named here in full, so that the program runs where no
 * import map is read: as `deno install --no-config` and JSR start it.
 */
// deno-lint-ignore no-import-prefix
import { base32nopad } from "npm:@scure/base@2.4.0";

/** Bytes as base32. */
export function encodeBase32(bytes: Uint8Array): string {
  return base32nopad.encode(bytes).toLowerCase();
}

/** The bytes that a word of base32 holds. @throws {Error} for other characters, and for bits that belong to no byte */
export function decodeBase32(word: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(base32nopad.decode(word.toUpperCase()));
}
