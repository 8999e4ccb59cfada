import { assertEquals, assertNotEquals } from "@std/assert";
import { stampOf, unsettledMs } from "./stamp.ts";

const second = 1_000_000_000n;

Deno.test("stampOf() is the change time, and zeros where it is not known", () => {
  assertEquals(
    stampOf({ ctimeNs: 5n * second + 7n }, 9n * second).slice(0, 8),
    stampOf({ ctimeNs: 5n * second + 7n }, 99n * second).slice(0, 8),
  );
  assertNotEquals(
    stampOf({ ctimeNs: 5n * second + 7n }, 9n * second),
    stampOf({ ctimeNs: 5n * second + 8n }, 9n * second),
  );
  assertEquals(stampOf({ ctimeNs: 0n }), new Uint8Array(16));
});

Deno.test("stampOf() of a file whose change time is ahead of the clock is like no other", () => {
  const [ctimeNs, nowNs] = [5n * second, 4n * second];
  assertNotEquals(stampOf({ ctimeNs }, nowNs), stampOf({ ctimeNs }, nowNs));
  assertEquals(unsettledMs({ ctimeNs }, nowNs), 0, "nobody knows how long that would take");
});

Deno.test("unsettledMs() waits for the end of the step in which a file has changed", () => {
  const cases: [ctimeNs: bigint, passedNs: bigint, leftMs: number][] = [
    [5n * second, 0n, 1010], // whole seconds
    [5n * second, second, 10],
    [5n * second, second + 9_000_001n, 1],
    [5n * second, second + 10_000_000n, 0],
    [5n * second + 1n, 0n, 20],
    [5n * second + 1n, 20_000_000n, 0],
    [0n, 5n * second, 0], // not known
  ];
  for (const [ctimeNs, passedNs, leftMs] of cases) {
    assertEquals(unsettledMs({ ctimeNs }, ctimeNs + passedNs), leftMs, `${passedNs} behind ${ctimeNs}`);
  }
});
