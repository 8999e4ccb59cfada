/** Sizes, rates and durations, as people write and read them. */
import { RcopyError } from "./errors.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as `500ms`, `30s`, `5m` or `1h`. @throws {RcopyError} `usage` */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const value = match ? Number(match[1]) * unitMs[match[2]!]! : NaN;
  if (!Number.isFinite(value)) {
    throw new RcopyError(
      "usage",
      `"${text}" is not a duration; write a number with its unit, as in 30s, 5m or 1h`,
    );
  }
  return value;
}

const decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes with three digits and a decimal unit, as in `1.23 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < decimalUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${decimalUnits[unit]}`;
}

/** Bytes a second. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A duration in its two largest units: `850 ms`, `12.3 s`, `3 min 20 s`, `10 min`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return twoUnits(seconds, "min", "s");
  return twoUnits(Math.round(ms / 60_000), "h", "min");
}

/** `count` of the smaller unit, of which the larger has sixty; the smaller is left out where there are none. */
function twoUnits(count: number, larger: string, smaller: string): string {
  const rest = count % 60;
  return `${Math.floor(count / 60)} ${larger}${rest === 0 ? "" : ` ${rest} ${smaller}`}`;
}

/** A count with thin separators, as in `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
