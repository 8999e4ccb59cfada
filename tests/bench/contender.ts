/** A program of a comparison, as it is described: who it is, what it needs, and how it copies. */
import type { OurChannel } from "./our_copy.ts";
import type { PeerServers, ServerName } from "./servers.ts";

interface Program {
  name: string;
  /** Programs that it needs. */
  needs: string[];
}

/** What a script of a peer can use. */
export interface PeerPlaces extends PeerServers {
  /** The folder of the comparison. */
  folder: string;
}

/** Somebody else's, and how it copies. */
export interface PeerContender extends Program {
  /**
   * A shell script: `$1` is the source directory, `$2` the empty target, `$3` an empty folder that is thrown away. Timed
   * from its start to its end.
   */
  script(places: PeerPlaces): string;
  /** Its sending end listens, as ours does: the script prints a line then, and the clock starts there. */
  senderListens?: boolean;
  /**
   * It would look for relays and peers outside by itself: it runs in a network namespace that has nothing but loopback,
   * and does not see the sockets of name services.
   */
  isolated?: boolean;
  /** Its copy is a directory with the name of the source, in the target. */
  keepsName?: boolean;
  /** Only for works of one file. */
  singleFile?: boolean;
  /** The server that serves it, whose time and memory count too. */
  server?: ServerName;
  /** Makes or finds what it needs besides programs on the path. @returns why it cannot run here, if so */
  prepare?(places: PeerPlaces): Promise<string | undefined>;
}

/** Ours: two processes that are started and measured here. */
export interface OurContender extends Program {
  io: "uring" | "deno" | "auto";
  channel: OurChannel;
  /** The program that `deno task install` installs, or the modules that it is made of. */
  form: "built" | "modules";
}

export type Contender = PeerContender | OurContender;

export function isOurs(contender: Contender): contender is OurContender {
  return "io" in contender;
}
