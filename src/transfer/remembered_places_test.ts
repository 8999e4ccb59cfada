import { assertEquals } from "@std/assert";
import { RememberedPlaces } from "./remembered_places.ts";

Deno.test("RememberedPlaces remembers a path until it is removed, and no more than 500", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/state/rcopy/unfinished`;
    const unfinished = new RememberedPlaces(file);
    assertEquals(unfinished.has("/a"), false);
    unfinished.add("/a");
    assertEquals([new RememberedPlaces(file).has("/a"), unfinished.has("/b")], [true, false]);
    assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
    unfinished.remove("/a");
    assertEquals(unfinished.has("/a"), false);
    for (let i = 0; i < 501; i++) unfinished.add(`/${i}`);
    assertEquals([unfinished.has("/0"), unfinished.has("/1"), unfinished.has("/500")], [false, true, true]);
    Deno.writeTextFileSync(file, "{ damaged");
    assertEquals(unfinished.has("/500"), false);
    unfinished.add("/x");
    assertEquals(unfinished.has("/x"), true);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
