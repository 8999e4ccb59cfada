/** What a listener tells of itself. */
import type { PeerAddress } from "../net/address.ts";

/** Where an end listens, and what opens its port. */
export interface Listening {
  port: number;
  /** Of this machine, most useful first; empty where they are not known. */
  addresses: string[];
  /** Those that were named by `advertise`; the best ones. */
  advertised?: PeerAddress[];
  /** What the other end needs to connect; a secret. Absent on an insecure channel. */
  ticket?: string;
  /** Present where SSH keys open the channel, and no ticket does. */
  keysOnly?: true;
}
