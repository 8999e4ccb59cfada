import { assert, assertEquals } from "@std/assert";
import { hashAt, pickHashes, sameHash } from "./hash.ts";

const table = Uint8Array.from({ length: 48 }, (_, i) => i);

Deno.test("sameHash() compares all sixteen bytes of a row", () => {
  assert(sameHash(hashAt(table, 1), table, 16));
  for (let i = 0; i < 16; i++) {
    const other = hashAt(table, 1).slice();
    other[i]! ^= 1;
    assert(!sameHash(other, table, 16), `byte ${i}`);
  }
});

Deno.test("pickHashes() gives the rows asked for, as a copy", () => {
  const picked = pickHashes(table, [2, 0]);
  assertEquals(picked, Uint8Array.of(...table.subarray(32, 48), ...table.subarray(0, 16)));
  picked.fill(0);
  assertEquals(table[47], 47);
});
