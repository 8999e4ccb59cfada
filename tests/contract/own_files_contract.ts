/** The contract of rcopy's own files: created exclusively, locked, and nobody else's. */
import { assert, assertEquals } from "@std/assert";
import { shell } from "../helpers/test_folder.ts";
import { assertCode, contentOf, type ContractTest, named, statOf } from "./contract_case.ts";

export function ownFilesContract(test: ContractTest): void {
  test("a file of ours is made once, private, and read again", async ({ engine, root, folder }) => {
    const own = engine.createOwn(root, named("own"));
    assertEquals([own.isLocked, own.found.size, own.found.mode], [true, 0, 0o600]);
    assertEquals(await statOf(`${folder}/own`, "%a %s"), "600 0");
    own.write(0, contentOf(100));
    own.write(50, contentOf(100, 2));
    assertCode("exists", () => engine.createOwn(root, named("own")));
    own[Symbol.dispose]();
    own[Symbol.dispose]();
    const again = engine.openOwn(root, named("own"))!;
    assertEquals(again.found.size, 150);
    assertEquals(again.read(60).subarray(50), contentOf(100, 2).subarray(0, 10));
    assertEquals(again.read(1000).length, 150);
    assertEquals(again.read(20, 100), contentOf(100, 2).subarray(50, 70));
    assertEquals([again.read(20, 145).length, again.read(20, 150).length, again.read(20, 1000).length], [
      5,
      0,
      0,
    ]);
    await again.sync();
    again.setSize(10);
    assertEquals(again.read(1000), contentOf(100).subarray(0, 10));
    again[Symbol.dispose]();
    assertCode("not-found", () => engine.openOwn(root, named("none")));
  });

  test("only a regular file is opened as ours, and nothing waits", async ({ engine, root, folder }) => {
    await shell('cd "$1"; mkfifo fifo; mkdir directory; ln -s fifo link', folder);
    for (const name of ["fifo", "directory", "link"]) {
      assertCode("type-conflict", () => engine.openOwn(root, named(name)));
    }
  });

  test("a lock keeps out this process, another one, and is gone when released", async (context) => {
    const { engine, root, folder } = context;
    const mayOther = async () =>
      (await shell('flock -n "$1/own" true && echo yes || echo no', folder)).trim() === "yes";
    const own = engine.createOwn(root, named("own"));
    assertEquals(engine.openOwn(root, named("own")), undefined);
    assertEquals(await mayOther(), false);
    own[Symbol.dispose]();
    assertEquals(await mayOther(), true);
    using again = engine.openOwn(root, named("own"));
    assert(again?.isLocked);
  }, { programs: ["flock"] });
}
