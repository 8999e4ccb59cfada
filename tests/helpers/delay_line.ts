/**
 * One direction of a slow path: bytes come out a fixed time after they went in, and no more than a window of
 * them is under way. As with TCP, a byte is under way until its acknowledgement could be back: it fills the
 * window for twice the delay. The buffer is a ring of one window; nothing else is held.
 */

/** Where bytes come from and go to: a connection, or a test's own. */
export interface ByteSource {
  /** Bytes read, `null` at the end. */
  read(target: Uint8Array): Promise<number | null>;
}
export interface ByteSink {
  write(bytes: Uint8Array): Promise<number>;
  /** No more will come. */
  closeWrite(): Promise<void>;
}

export interface DelayLineOptions {
  delayMs: number;
  /** Most bytes under way. */
  windowBytes: number;
  /** Called when bytes have come in, before they wait; what it gives is handed to `onDelivered` with them. */
  onTaken?: (count: number) => number;
  /** Called when the same bytes have gone out. */
  onDelivered?: (count: number, mark: number) => void;
}

/** Bytes that came in together. */
interface Parcel {
  bytes: number;
  dueMs: number;
  mark: number;
}

export class DelayLine {
  /** Everything that has come out. */
  bytes = 0;
  readonly #options: DelayLineOptions;
  readonly #ring: Uint8Array;
  /** Totals since the beginning: what came in, what went out, what is acknowledged. */
  #taken = 0;
  #acknowledged = 0;
  readonly #parcels: Parcel[] = [];
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: DelayLineOptions) {
    this.#options = options;
    this.#ring = new Uint8Array(options.windowBytes);
  }

  /**
   * Carries everything from `source` to `sink`, and the end too, until all is acknowledged. Rejects as soon
   * as either fails.
   */
  async run(source: ByteSource, sink: ByteSink): Promise<void> {
    await Promise.all([this.#take(source), this.#deliver(sink)]);
  }

  async #take(source: ByteSource): Promise<void> {
    const { windowBytes, delayMs, onTaken } = this.#options;
    try {
      for (;;) {
        while (this.#taken - this.#acknowledged >= windowBytes) await this.#changed.promise;
        const at = this.#taken % windowBytes;
        const room = Math.min(windowBytes - at, windowBytes - (this.#taken - this.#acknowledged));
        const count = await source.read(this.#ring.subarray(at, at + room));
        if (count === null) return;
        this.#taken += count;
        this.#parcels.push({ bytes: count, dueMs: performance.now() + delayMs, mark: onTaken?.(count) ?? 0 });
        this.#notify();
      }
    } finally {
      this.#ended = true;
      this.#notify();
    }
  }

  async #deliver(sink: ByteSink): Promise<void> {
    const { windowBytes, delayMs, onDelivered } = this.#options;
    for (;;) {
      const parcel = this.#parcels.shift();
      if (!parcel) {
        if (this.#ended) break;
        await this.#changed.promise;
        continue;
      }
      await until(parcel.dueMs);
      const at = this.bytes % windowBytes;
      const chunk = this.#ring.subarray(at, at + parcel.bytes);
      for (let written = 0; written < chunk.length;) written += await sink.write(chunk.subarray(written));
      this.bytes += parcel.bytes;
      onDelivered?.(parcel.bytes, parcel.mark);
      setTimeout(() => {
        this.#acknowledged += parcel.bytes;
        this.#notify();
      }, delayMs);
    }
    // The end travels as the last byte did: right behind it.
    await sink.closeWrite();
    while (this.#acknowledged < this.bytes) await this.#changed.promise;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Waits until a time of `performance.now`; timers may be early by less than a millisecond. */
async function until(dueMs: number): Promise<void> {
  for (let left = dueMs - performance.now(); left > 0; left = dueMs - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(left)));
  }
}
