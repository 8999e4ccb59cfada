/**
 * Large files that changed just now: nothing of them is read before another change would be seen, so that what a receiver keeps of
 * a version is of that version (`source/stamp.ts`).
 */
import type { LargeSource } from "../source/large_file.ts";
import { unsettledMs } from "../source/stamp.ts";

export class SettlingFiles {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isEnded = false;

  /** Calls `use` once the file may be read: now, or in a moment. */
  add({ batch, entry }: Pick<LargeSource, "batch" | "entry">, use: () => void): void {
    const ms = unsettledMs(batch.columns.identity(entry));
    if (ms === 0) return use();
    if (this.#isEnded) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      use();
    }, ms);
    this.#timers.add(timer);
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#isEnded = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
