/** The choices of a user about the destination. */

/** Treatment of files and links that exist already. */
export type ExistsPolicy = "changed" | "skip" | "newer" | "replace" | "fail";

/** Whether only the blocks of changed large files travel that an older version does not have; `auto`: where the network is slow. */
export type DeltaPolicy = "auto" | "never" | "always";

/** The choices of one run of a receiver. */
export interface ReceivePolicy {
  /** What happens to files and links that exist already; `changed` by default. */
  exists: ExistsPolicy;
  /** Entries that change settings of a home, which are left out otherwise, are taken too. */
  dotfiles: boolean;
  /** What of changed files of 16 MiB and more travels; `auto` by default. */
  delta: DeltaPolicy;
  /** Everything on stable storage before the sender gets its receipt. */
  durable: boolean;
  /** Write nothing; report what would be copied by `planned` events. */
  dryRun: boolean;
}

/** A policy with the defaults for what was not given. */
export function receivePolicy(given: Partial<ReceivePolicy>): ReceivePolicy {
  const { exists = "changed", dotfiles = false, delta = "auto", durable = false, dryRun = false } = given;
  return { exists, dotfiles, delta, durable, dryRun };
}
