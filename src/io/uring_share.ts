/** The one ring of an engine, shared by what is under way on it: completions find their way by token. */
import type { Ring } from "../../ffi/mod.ts";

/** Tokens below this belong to the one batch of small files; above, each range has one of its own. */
export const batchTokens = 1024;
const tokenMax = 0x7fff_ffff;

export class RingShare {
  readonly ring: Ring;
  /** Takes completions of the batch. */
  onBatchCompletion: ((token: number, result: number) => void) | undefined;
  readonly #ranges = new Map<number, (result: number) => void>();
  #nextToken = batchTokens;

  constructor(ring: Ring) {
    this.ring = ring;
  }

  /** A token whose completion will be told to `onCompletion`, once. */
  claimToken(onCompletion: (result: number) => void): number {
    const token = this.#nextToken;
    this.#nextToken = token === tokenMax ? batchTokens : token + 1;
    this.#ranges.set(token, onCompletion);
    return token;
  }

  /** Tells of everything that is complete; returns how many that was. */
  reap(): number {
    return this.ring.reap(this.#onCompletion);
  }

  /** Waits beside the event loop until `isDone`; what completes meanwhile is told to whom it concerns. */
  async until(isDone: () => boolean): Promise<void> {
    this.reap();
    while (!isDone()) {
      await this.ring.wait(1);
      this.reap();
    }
  }

  readonly #onCompletion = (token: number, result: number): void => {
    if (token < batchTokens) {
      this.onBatchCompletion?.(token, result);
      return;
    }
    const onCompletion = this.#ranges.get(token);
    this.#ranges.delete(token);
    onCompletion?.(result);
  };
}
