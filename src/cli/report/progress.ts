/** The progress line: from numbers to text. Pure. */
import { formatBytes, formatCount, formatDuration, formatRate } from "../../base/units.ts";
import type { ProgressSnapshot } from "../../transfer/session/events.ts";

/** Milliseconds over which the present rate is taken. */
const rateWindowMs = 1_000;

/** So long nothing comes forward over a network that is there. */
const silentMs = 3_000;

/** Snapshots of the last second, from which the rate follows; a session begins with nothing done. */
export class ProgressHistory {
  #samples: { atMs: number; bytes: number }[] = [{ atMs: 0, bytes: 0 }];
  #advancedAtMs = 0;
  #shown: ProgressSnapshot | undefined;

  /** Takes the next snapshot. Counts that would go backwards stay where they were. */
  add(snapshot: ProgressSnapshot): void {
    const before = this.#shown;
    const bytesDone = Math.max(snapshot.bytesDone, before?.bytesDone ?? 0);
    const keptBytes = Math.max(snapshot.keptBytes, before?.keptBytes ?? 0);
    const entriesDone = Math.max(snapshot.entriesDone, before?.entriesDone ?? 0);
    const isFurther = bytesDone > (before?.bytesDone ?? 0) || entriesDone > (before?.entriesDone ?? 0);
    if (isFurther) this.#advancedAtMs = snapshot.elapsedMs;
    this.#shown = {
      ...snapshot,
      bytesDone,
      keptBytes,
      entriesDone,
      // What failed in the scan is done, but the total may not count it.
      entriesTotal: Math.max(snapshot.entriesTotal, entriesDone),
      // What holds it back is not always plain in a fifth of a second.
      limitedBy: snapshot.limitedBy ?? before?.limitedBy,
    };
    this.#samples.push({ atMs: snapshot.elapsedMs, bytes: bytesDone });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= snapshot.elapsedMs - rateWindowMs) {
      this.#samples.shift();
    }
  }

  get latest(): ProgressSnapshot | undefined {
    return this.#shown;
  }

  /** Milliseconds in which nothing has come forward. */
  get stalledMs(): number {
    return Math.max(0, (this.#shown?.elapsedMs ?? 0) - this.#advancedAtMs);
  }

  /** Bytes a second over the last second, or since the session began. */
  get rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return (last.bytes - first.bytes) / (last.atMs - first.atMs) * 1000;
  }
}

/**
 * One line of at most `columns` characters: bytes, if there are any, percent, rate, time left, entries, what limits; of a
 * network that brings nothing, for how long. While the scan runs the
 * totals are marked with a plus and there is neither percent nor time left, since both would go backwards.
 */
export function renderProgress(
  snapshot: ProgressSnapshot,
  { rate, stalledMs = 0 }: { rate: number; stalledMs?: number },
  columns: number,
): string {
  const { keptBytes, bytesTotal, entriesDone, entriesTotal, growing } = snapshot;
  const bytesThere = snapshot.bytesDone + keptBytes;
  const mark = growing ? "+" : "";
  const parts: string[] = [];
  const hasBytes = bytesTotal > 0;
  if (hasBytes) parts.push(`${formatBytes(bytesThere)} of ${formatBytes(bytesTotal)}${mark}`);
  if (!growing) parts.push(`${percentOf(bytesThere, bytesTotal, entriesDone, entriesTotal)} %`);
  const isSilent = snapshot.limitedBy === "network" && stalledMs >= silentMs;
  if (isSilent) parts.push(`no answer for ${formatDuration(stalledMs)}, it goes on by itself`);
  else if (hasBytes) parts.push(formatRate(rate));
  const left = bytesTotal - bytesThere;
  if (!growing && rate > 0 && left > 0) parts.push(`${formatDuration(left / rate * 1000)} left`);
  parts.push(`${formatCount(entriesDone)} of ${formatCount(entriesTotal)}${mark} entries`);
  if (keptBytes > 0) parts.push(`${formatBytes(keptBytes)} kept`);
  if (snapshot.failed > 0) parts.push(`${formatCount(snapshot.failed)} failed`);
  if (snapshot.limitedBy && !isSilent) parts.push(`limited by ${snapshot.limitedBy}`);
  while (parts.length > 1 && parts.join("  ").length > columns) parts.pop();
  return parts.join("  ").slice(0, Math.max(columns, 0));
}

/** Whole percent, 100 only when everything is done. */
function percentOf(bytesDone: number, bytesTotal: number, entriesDone: number, entriesTotal: number): number {
  if (bytesTotal > 0) {
    const isDone = bytesDone >= bytesTotal && entriesDone >= entriesTotal;
    return isDone ? 100 : Math.min(99, Math.floor(bytesDone / bytesTotal * 100));
  }
  return entriesTotal === 0 ? 100 : Math.floor(entriesDone / entriesTotal * 100);
}
