/** Options that mean nothing in a command line. */
import { RcopyError } from "../../base/errors.ts";
import { type Flags, listenerNames, reachingNames } from "./options.ts";

/** @throws {RcopyError} `usage` naming an option that means nothing to an end that dials */
export function refuseListenOptions(flags: Flags, who: string): void {
  for (const name of listenerNames) {
    if (flags[name] !== undefined) {
      throw new RcopyError(
        "usage",
        `--${name} is for an end that listens, and ${who} does not; leave it out`,
      );
    }
  }
}

/** @throws {RcopyError} `usage` naming an option for which there is no HOST:PATH */
export function refuseRemoteOptions(flags: Flags): void {
  for (const name of reachingNames) {
    if (flags[name] === undefined) continue;
    throw new RcopyError("usage", `--${name} is for a command line with HOST:PATH; leave it out`);
  }
}
