/** The settlement of held entries, as the placement reports it. */
import type { RcopyError } from "../../base/errors.ts";
import type { HeldTarget } from "./tree.ts";

/** What is told of an entry that is in place. */
export interface Placed {
  /** The hash of its content; a directory has none. */
  content?: Uint8Array;
  /** What the file system refused of it, as a sum of `Lacks`. */
  lacks: number;
  /** Bytes of a large file that were there from an earlier run. */
  keptBytes?: number;
}

/** The account of what is placed and what failed, as far as a placement needs it. */
export interface Settlement {
  /** A held entry is in place. */
  placeHeld(held: HeldTarget, placed: Placed): void;
  /** A held entry was there, of the same size and time, when it was about to be placed. */
  keepHeld(held: HeldTarget): void;
  /** A held entry cannot be put into place. */
  failHeld(held: HeldTarget, error: RcopyError): void;
  /** The content hash of a link. */
  hashOfLink(text: Uint8Array): Uint8Array;
}
