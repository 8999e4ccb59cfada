/** Keeps the leaf of a listener from expiring while it waits. */
import { asRcopyError } from "../base/errors.ts";
import type { ServerTransport } from "../net/transport.ts";

/** How often a leaf under a key that lives on is made anew; it holds for a week. */
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
