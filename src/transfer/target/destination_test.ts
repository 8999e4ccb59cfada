import { assert, assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { isEmptyDirectory, openDestination } from "./destination.ts";

Deno.test("openDestination() makes DEST with its parents, or says that it is missing", async () => {
  await inFolder(({ engine, path, names }) => {
    assertEquals(openDestination(engine, `${path}/a/b`, { create: false }), undefined);
    assertEquals(names(), []);
    engine.closeDirectory(openDestination(engine, `${path}/a/b`, { create: true })!);
    assertEquals(names("a"), ["b"]);
    engine.closeDirectory(openDestination(engine, `${path}/a`, { create: false })!);
  });
});

Deno.test("openDestination() follows a link of our own", async () => {
  await inFolder(({ engine, path }) => {
    Deno.mkdirSync(`${path}/real`);
    Deno.symlinkSync("real", `${path}/link`);
    const { inode } = engine.identityOf(openDestination(engine, `${path}/link`, { create: true })!);
    assertEquals(inode, BigInt(Deno.statSync(`${path}/real`).ino!));
  });
});

Deno.test("openDestination() refuses what is in the way, and names it", async () => {
  await inFolder(({ engine, path, write }) => {
    write("file");
    for (const dest of [`${path}/file`, `${path}/file/below`]) {
      const error = assertThrows(() => openDestination(engine, dest, { create: true }), RcopyError);
      assertEquals((error as RcopyError).code, "destination");
      assert((error as RcopyError).message.includes(dest), (error as RcopyError).message);
    }
  });
});

Deno.test("isEmptyDirectory() counts whatever there is", async () => {
  await inFolder(({ engine, root, write }) => {
    assertEquals(isEmptyDirectory(engine, root), true);
    write(".rcopy-notes");
    assertEquals(isEmptyDirectory(engine, root), false);
  });
});
