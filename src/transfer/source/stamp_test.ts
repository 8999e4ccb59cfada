import { assertEquals, assertNotEquals } from "@std/assert";
import { stampOf } from "./stamp.ts";

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

Deno.test("stampOf() of a file that changed within the step of its clock is like no other", () => {
  for (
    const [ctimeNs, within, beyond] of [
      [5n * second, second, 2n * second], // whole seconds
      [5n * second + 1n, 10_000_000n, 20_000_000n],
    ] as const
  ) {
    assertNotEquals(stampOf({ ctimeNs }, ctimeNs + within), stampOf({ ctimeNs }, ctimeNs + within));
    assertEquals(stampOf({ ctimeNs }, ctimeNs + beyond), stampOf({ ctimeNs }, ctimeNs + beyond + second));
    // A clock that is ahead of ours says nothing of when the file changed.
    assertNotEquals(stampOf({ ctimeNs }, ctimeNs - second), stampOf({ ctimeNs }, ctimeNs - second));
  }
});
