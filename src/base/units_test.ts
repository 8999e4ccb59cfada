import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "./errors.ts";
import { formatBytes, formatCount, formatDuration, parseDuration } from "./units.ts";

Deno.test("parseDuration() takes ms, s, m and h", () => {
  assertEquals(["500ms", "30s", "1.5m", "2h"].map(parseDuration), [500, 30_000, 90_000, 7_200_000]);
});

Deno.test("parseDuration() refuses everything else", () => {
  for (const text of ["", "5", "s", "-1s", "1 s", "1d", "1e3s", "Infinity"]) {
    assertThrows(() => parseDuration(text), RcopyError, "is not a duration");
  }
});

Deno.test("formatBytes() keeps three digits and never shows 1000 of a unit", () => {
  const shown = [0, 999, 1000, 9_994, 9_999, 99_940, 999_400, 999_999, 1_500_000_000, 5e15].map(formatBytes);
  assertEquals(shown, [
    "0 B",
    "999 B",
    "1.00 kB",
    "9.99 kB",
    "10.0 kB",
    "99.9 kB",
    "999 kB",
    "1.00 MB",
    "1.50 GB",
    "5.00 PB",
  ]);
});

Deno.test("formatDuration() shows at most two units", () => {
  const shown = [0, 850, 999.6, 12_340, 59_960, 200_000, 3_599_000, 7_500_000].map(formatDuration);
  assertEquals(shown, [
    "0 ms",
    "850 ms",
    "1.0 s",
    "12.3 s",
    "1 min",
    "3 min 20 s",
    "59 min 59 s",
    "2 h 5 min",
  ]);
});

Deno.test("formatCount() groups by thousands", () => {
  assertEquals([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
});
