/** When an end that dials tries again after its session was lost. Pure: it is told the time. */

/** Milliseconds after the loss; from the last on, one more attempt each {@linkcode everyMs}. */
const momentsMs = [0, 1_000, 2_000, 4_000, 8_000];
const everyMs = 10_000;

export class RedialSchedule {
  readonly #patienceMs: number;
  #lostAt = -Infinity;
  #attempts = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /**
   * The session was lost at `now`. One that brought nothing further does not count as found again, so that the patience
   * with a network that breaks each session at once comes to an end too.
   */
  onLost(now: number, hasAdvanced: boolean): void {
    if (this.#lostAt !== -Infinity && !hasAdvanced) return;
    this.#lostAt = now;
    this.#attempts = 0;
  }

  /**
   * Milliseconds from `now` to the next attempt, the last of which is when the patience ends; `undefined` after that. Moments
   * that are past count as one.
   */
  next(now: number): number | undefined {
    const passed = now - this.#lostAt;
    if (passed >= this.#patienceMs) return undefined;
    while (momentOf(this.#attempts + 1) <= passed) this.#attempts++;
    const moment = momentOf(this.#attempts++);
    return Math.max(0, Math.min(moment, this.#patienceMs) - passed);
  }
}

function momentOf(attempt: number): number {
  const last = momentsMs.length - 1;
  return momentsMs[attempt] ?? momentsMs[last]! + (attempt - last) * everyMs;
}
