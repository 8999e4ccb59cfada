/** The building blocks of all SSH formats: numbers, strings with a length before them, and big numbers. */
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads SSH fields from bytes that may be hostile; every length is checked before it is believed. */
export class SshReader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  /** `what` names the thing read in the errors: "key", "answer of the agent". */
  constructor(bytes: Uint8Array<ArrayBuffer>, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** The error that any damage leads to. */
  damaged(reason: string): RcopyError {
    return new RcopyError("refused", `cannot read the ${this.#what}: ${reason}`);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** So many bytes as they are; a copy. @throws {RcopyError} `refused` */
  raw(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes > this.left) throw this.damaged(`${bytes} bytes are announced and ${this.left} are there`);
    const part = this.#bytes.slice(this.#at, this.#at + bytes);
    this.#at += bytes;
    return part;
  }

  /** @throws {RcopyError} `refused` */
  u8(): number {
    return this.raw(1)[0]!;
  }

  /** @throws {RcopyError} `refused` */
  u32(): number {
    if (this.left < 4) throw this.damaged("it is cut short");
    const value = this.#view.getUint32(this.#at);
    this.#at += 4;
    return value;
  }

  /** A string of at most so many bytes; a copy. @throws {RcopyError} `refused` */
  string(bytesMax: number): Uint8Array<ArrayBuffer> {
    const bytes = this.u32();
    if (bytes > bytesMax) throw this.damaged(`a field of ${bytes} bytes is over the limit of ${bytesMax}`);
    return this.raw(bytes);
  }

  /** A string that must be UTF-8. @throws {RcopyError} `refused` */
  text(bytesMax: number): string {
    try {
      return decoder.decode(this.string(bytesMax));
    } catch (cause) {
      if (cause instanceof RcopyError) throw cause;
      throw this.damaged("a name is not UTF-8");
    }
  }

  /** A big number, not negative, in its shortest form: its bytes, without zeros before. @throws {RcopyError} `refused` */
  mpint(bytesMax: number): Uint8Array<ArrayBuffer> {
    const bytes = this.string(bytesMax + 1);
    if (bytes.length === 0) return bytes;
    if (bytes[0]! >= 0x80) throw this.damaged("a number is negative");
    if (bytes[0] !== 0) {
      if (bytes.length > bytesMax) throw this.damaged("a number is too large");
      return bytes;
    }
    if (bytes.length === 1 || bytes[1]! < 0x80) throw this.damaged("a number is not in its shortest form");
    return bytes.subarray(1);
  }

  /** @throws {RcopyError} `refused` if anything is left */
  end(): void {
    if (this.left > 0) throw this.damaged(`${this.left} bytes follow its end`);
  }
}

/** Writes SSH fields one after the other. */
export class SshWriter {
  readonly #parts: Uint8Array[] = [];

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  u8(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  u32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return this.raw(bytes);
  }

  u64(value: bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value);
    return this.raw(bytes);
  }

  string(content: Uint8Array | string): this {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    return this.u32(bytes.length).raw(bytes);
  }

  /** A number given by its bytes, most significant first. */
  mpint(magnitude: Uint8Array): this {
    const shortest = withoutZeros(magnitude);
    if (shortest.length === 0 || shortest[0]! < 0x80) return this.string(shortest);
    return this.u32(shortest.length + 1).u8(0).raw(shortest);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return concat(...this.#parts);
  }
}

/** The bytes of a number without the zeros before them. */
export function withoutZeros(magnitude: Uint8Array): Uint8Array {
  let at = 0;
  while (at < magnitude.length && magnitude[at] === 0) at++;
  return magnitude.subarray(at);
}

/** A number's bytes with zeros before them, `bytes` in all; `undefined` if it does not fit. */
export function withZeros(magnitude: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> | undefined {
  if (magnitude.length > bytes) return undefined;
  const padded = new Uint8Array(bytes);
  padded.set(magnitude, bytes - magnitude.length);
  return padded;
}

/** A number from its bytes, most significant first. */
export function toBigInt(magnitude: Uint8Array): bigint {
  return magnitude.length === 0 ? 0n : BigInt(`0x${magnitude.toHex()}`);
}

/** The bytes of a number that is not negative, most significant first. */
export function fromBigInt(value: bigint): Uint8Array<ArrayBuffer> {
  const digits = value.toString(16);
  return Uint8Array.fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
}

/** Strict base64 with its padding; `undefined` for anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}
