import { assert, assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { testWhere } from "../../../tests/helpers/test_folder.ts";
import { inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { isEmptyDirectory, openDestination } from "./destination.ts";

Deno.test("openDestination() makes DEST with its parents, or says that it is missing", async () => {
  await inFolder(({ engine, path, names }) => {
    assertEquals(openDestination(engine, `${path}/a/b`, { create: false }), undefined);
    assertEquals(names(), []);
    engine.closeDirectory(openDestination(engine, `${path}/a/b`, { create: true })!.directory);
    assertEquals(names("a"), ["b"]);
    engine.closeDirectory(openDestination(engine, `${path}/a`, { create: false })!.directory);
  });
});

Deno.test("openDestination() makes DEST with no more than the mode of its source, and exactly that in the end", async () => {
  await inFolder(({ engine, path }) => {
    const mtime = { seconds: 1_500_000_000, nanos: 0 };
    for (const mode of [0o700, 0o755, 0o775, 0o555, 0o777, 0o500]) {
      const dest = `${path}/${mode}/./`;
      const { directory, metadata } = openDestination(engine, dest, {
        create: true,
        source: { mode, mtime },
      })!;
      const early = Deno.statSync(dest).mode! & 0o777;
      assertEquals([early & 0o700, early & ~(mode | 0o700)], [0o700, 0]);
      metadata!.apply(engine, directory);
      const { mode: late, mtime: time } = Deno.statSync(dest);
      assertEquals([late! & 0o777, time!.getTime()], [mode, 1_500_000_000_000]);
      engine.closeDirectory(directory);
      const again = openDestination(engine, dest, { create: true, source: { mode: 0o711, mtime } })!;
      Deno.utimeSync(dest, 1, 1);
      again.metadata!.apply(engine, again.directory);
      const kept = Deno.statSync(dest);
      assertEquals([kept.mode! & 0o777, kept.mtime!.getTime()], [mode, 1_500_000_000_000], "as it was");
      engine.closeDirectory(again.directory);
    }
  });
});

Deno.test("openDestination() follows a link of our own", async () => {
  await inFolder(({ engine, path }) => {
    Deno.mkdirSync(`${path}/real`);
    Deno.symlinkSync("real", `${path}/link`);
    const { inode } = engine.identityOf(openDestination(engine, `${path}/link`, { create: true })!.directory);
    assertEquals(inode, BigInt(Deno.statSync(`${path}/real`).ino!));
  });
});

testWhere(
  { root: true },
  "openDestination() follows no link of another user, wherever it stands in DEST",
  () =>
    inFolder(({ engine, path, names }) => {
      Deno.mkdirSync(`${path}/real/below`, { recursive: true });
      Deno.symlinkSync("real", `${path}/theirs`);
      new Deno.Command("chown", { args: ["-h", "65534", `${path}/theirs`] }).outputSync();
      Deno.symlinkSync("theirs/below", `${path}/ours`);
      for (
        const dest of ["theirs", "theirs/", "theirs/.", "theirs/below", "theirs/new/er", "ours", "ours/new"]
      ) {
        const error = assertThrows(
          () => openDestination(engine, `${path}/${dest}`, { create: true }),
          RcopyError,
        );
        assertEquals((error as RcopyError).code, "destination");
        assert((error as RcopyError).message.includes(`"${path}/theirs" is a symbolic link`), dest);
      }
      assertEquals(names("real"), ["below"]);
    }),
);

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
