/** Renewal of a listener's leaf, so that it does not expire while the listener waits. */
import { asRcopyError } from "../base/errors.ts";
import type { ServerTransport } from "../net/transport.ts";

/** Interval between renewals of a leaf under a user's key; the leaf is valid for a week. */
export const leafRenewalMs = 24 * 3600 * 1000;

export interface LeafRenewalOptions {
  onRenewed: (transport: ServerTransport) => Promise<void>;
  onNote: (message: string) => void;
  intervalMs?: number;
}

/** Renews until disposed of; does nothing where there is nothing to renew. */
export class LeafRenewal implements Disposable {
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(renew: (() => Promise<ServerTransport | undefined>) | undefined, options: LeafRenewalOptions) {
    if (renew === undefined) return;
    const { onRenewed, onNote, intervalMs = leafRenewalMs } = options;
    this.#timer = setInterval(async () => {
      try {
        const transport = await renew();
        if (transport !== undefined) await onRenewed(transport);
      } catch (thrown) {
        onNote(`the certificate of this end could not be renewed: ${asRcopyError(thrown).message}`);
      }
    }, intervalMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
