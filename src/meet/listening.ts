/** The description of a listener that the event `listening` carries. */
import type { PeerAddress } from "../net/address.ts";

/** Where an end listens, and by what it lets peers in. */
export interface Listening {
  port: number;
  /** Of this machine, most useful first; empty where they are not known. */
  addresses: string[];
  /** Those that were named by `advertise`; the best ones. */
  advertised?: PeerAddress[];
  /** Everything that the other end needs to connect; a secret. Absent on an insecure channel. */
  ticket?: string;
  /** Present where SSH keys open the channel, and no ticket does. */
  keysOnly?: true;
}
