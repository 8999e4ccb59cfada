/** Keeps the leaf of a listener from expiring while it waits. */
import { asRcopyError } from "../base/errors.ts";
import type { PeerListener } from "../net/listen.ts";
import type { ListenTransport } from "../net/transport.ts";
import { leafRenewalMs } from "./invite.ts";

/** Renews until disposed of; does nothing where there is nothing to renew. */
export class LeafRenewal implements Disposable {
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    listener: PeerListener,
    renew: (() => Promise<ListenTransport | undefined>) | undefined,
    onNote: (message: string) => void,
    intervalMs = leafRenewalMs,
  ) {
    if (renew === undefined) return;
    this.#timer = setInterval(async () => {
      try {
        const transport = await renew();
        if (transport !== undefined) await listener.reopen(transport);
      } catch (thrown) {
        onNote(`the certificate of this end could not be renewed: ${asRcopyError(thrown).message}`);
      }
    }, intervalMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
