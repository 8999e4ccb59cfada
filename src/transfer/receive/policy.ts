/** What the receiving side is told about the destination. */

/** What happens to files and links that exist already. */
export type ExistsPolicy = "changed" | "skip" | "replace" | "fail";

/** How a receiver places what it gets. */
export interface ReceivePolicy {
  /** What happens to files and links that exist already; `changed` by default. */
  exists: ExistsPolicy;
  /** Everything on stable storage before the sender gets its receipt. */
  durable: boolean;
  /** Write nothing; report what would be copied by `planned` events. */
  dryRun: boolean;
}

/** A policy with the defaults for what was not given. */
export function receivePolicy(given: Partial<ReceivePolicy>): ReceivePolicy {
  const { exists = "changed", durable = false, dryRun = false } = given;
  return { exists, durable, dryRun };
}
