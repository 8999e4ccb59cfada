/**
 * The identity of a destination, so that a sender on the same machine recognises it and does not copy a tree into itself: a
 * keyed hash of device, inode and boot, of which another machine learns nothing.
 */
import { concat, sameBytes } from "../../base/bytes.ts";
import { hasEveryPermission } from "../../base/permission.ts";
import { Codec } from "../../codec/codec.ts";

/** Makes the hash for the hello of a receiver, and recognises it at a sender. */
export class DestinationIdentity {
  readonly #codec = Codec.open({ arenaBytes: 0 });
  readonly #nonce: Uint8Array;
  readonly #bootIds: string[];

  /** `bootIds`: those that this machine may be known by; empty text where it cannot be read. */
  constructor(nonce: Uint8Array, bootIds: string[]) {
    this.#nonce = nonce;
    this.#bootIds = bootIds;
  }

  /** The 16 bytes for the hello. */
  hash(device: number, inode: bigint): Uint8Array {
    return this.#hashAt(this.#bootIds[0]!, device, inode);
  }

  /** Whether a hash of a hello is that of this directory, by any of the boot ids. */
  matches(hash: Uint8Array, device: number, inode: bigint): boolean {
    return this.#bootIds.some((bootId) => sameBytes(this.#hashAt(bootId, device, inode), hash));
  }

  #hashAt(bootId: string, device: number, inode: bigint): Uint8Array {
    const text = new TextEncoder().encode(`${bootId}/${device}/${inode}`);
    return this.#codec.hashOf(concat(this.#nonce, text));
  }
}

/** The boot id of this machine, unlike that of every other boot; "" where it cannot be read without a question to a person. */
export function readBootId(): string {
  if (Deno.build.os !== "linux") return "";
  if (!hasEveryPermission()) return "";
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  } catch {
    return "";
  }
}
