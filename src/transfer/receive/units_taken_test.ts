import { assertEquals } from "@std/assert";
import { heardControl } from "../../../tests/helpers/transfer_parts.ts";
import { UnitsTaken } from "./units_taken.ts";

Deno.test("UnitsTaken tells the sender of each data connection what was taken, as often as needed", async () => {
  const { control, heard } = heardControl();
  const taken = new UnitsTaken(control);
  for (let i = 0; i < 31; i++) taken.count(7, 10);
  taken.count(8, 5);
  assertEquals(await heard(), []);
  taken.count(7, 10);
  assertEquals(await heard(), [{ kind: "taken", lane: 7, units: 32, bytes: 320 }]);
  taken.tell();
  assertEquals(await heard(), [{ kind: "taken", lane: 8, units: 1, bytes: 5 }], "the other is known already");
  taken.count(7, 1);
  taken.tell();
  assertEquals(
    await heard(),
    [{ kind: "taken", lane: 7, units: 33, bytes: 321 }],
    "since the connection was opened",
  );
});

Deno.test("UnitsTaken tells the sender of each extent, since it leaves little on the way", async () => {
  const { control, heard } = heardControl();
  const taken = new UnitsTaken(control);
  const [extent, half] = [4 << 20, 2 << 20];
  taken.count(0, extent);
  assertEquals(await heard(), [{ kind: "taken", lane: 0, units: 1, bytes: extent }]);
  taken.count(0, half);
  assertEquals(await heard(), []);
  taken.count(0, half);
  assertEquals(await heard(), [{ kind: "taken", lane: 0, units: 3, bytes: 2 * extent }]);
});

Deno.test("UnitsTaken tells nothing once the receipt is on its way", async () => {
  const { control, heard } = heardControl();
  const taken = new UnitsTaken(control);
  taken.count(0, 1);
  taken.end();
  taken.tell();
  for (let i = 0; i < 100; i++) taken.count(0, 1);
  assertEquals(await heard(), []);
});
