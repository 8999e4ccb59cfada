import { assertEquals } from "@std/assert";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { parseEntryName } from "../../entry/name.ts";
import { bytesOf, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { SourceDirectory } from "./directory.ts";

Deno.test("SourceDirectory stays open until the last reference is gone, and keeps its parent open", async () => {
  await inFolder(({ engine, calls, path }) => {
    Deno.mkdirSync(`${path}/child`);
    const name = parseEntryName(bytesOf("child"));
    const parent = new SourceDirectory(engine, engine.openRoot(path), { number: 0 });
    const child = new SourceDirectory(engine, engine.openDirectory(parent.handle, name), {
      number: 1,
      parent,
      name,
    });
    child.retain();
    parent.release();
    child.release();
    assertEquals(calls.closeDirectory ?? 0, 0);
    child.release();
    assertEquals(calls.closeDirectory, 2, "the child, then its parent");
  });
});

Deno.test("SourceDirectory lets go of a chain of a hundred thousand parents", () => {
  let closed = 0;
  const engine = { closeDirectory: () => void closed++ } as unknown as Engine;
  const handle = { shown: "any" } as Directory;
  let deepest = new SourceDirectory(engine, handle, { number: 0 });
  for (let number = 1; number < 100_000; number++) {
    const parent = deepest;
    deepest = new SourceDirectory(engine, handle, { number, parent });
    parent.release();
  }
  assertEquals(closed, 0);
  deepest.release();
  assertEquals(closed, 100_000);
});
