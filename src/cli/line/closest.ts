/** Words that a mistyped one may have meant. Pure. */

/** Letters that may differ. */
const distanceMax = 3;

/** Those of `words` that differ the least from `typed`, if any is near. */
export function closest(typed: string, words: readonly string[]): string[] {
  const measured = words.map((word) => ({ word, distance: distanceOf(typed, word) }));
  const least = Math.min(...measured.map(({ distance }) => distance));
  if (least > Math.min(distanceMax, typed.length / 2)) return [];
  return measured.filter(({ distance }) => distance === least).map(({ word }) => word);
}

/** Letters to insert, delete, replace or swap with their neighbour (restricted Damerau-Levenshtein distance). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isEqual = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isEqual ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
