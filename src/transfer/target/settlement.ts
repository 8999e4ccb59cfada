/** The settlement of held entries, as the placement reports it. */
import type { RcopyError } from "../../base/errors.ts";
import type { HeldTarget } from "./tree.ts";

/** The account of what is placed and what failed, as far as a placement needs it. */
export interface Settlement {
  /** A held entry is in place. `content` is its hash; a directory has none. */
  placeHeld(held: HeldTarget, content?: Uint8Array): void;
  /** A held entry cannot be put into place. */
  failHeld(held: HeldTarget, error: RcopyError): void;
  /** The content hash of a link. */
  hashOfLink(text: Uint8Array): Uint8Array;
}
