import { assertEquals } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { faultEngine } from "../helpers/fault_engine.ts";
import { withFolder } from "../helpers/test_folder.ts";
import {
  assertCode,
  checkCode,
  contentOf,
  createOne,
  listAll,
  makeDirectory,
  named,
} from "./contract_case.ts";

const error = new RcopyError("no-space", "no space left, says the test");

Deno.test("an engine with faults fails at the call that was named, and works before and after it", async () => {
  await withFolder(async (folder) => {
    const { engine, calls } = faultEngine(openDenoEngine(), [
      { method: "makeDirectory", call: 2, error },
      { method: "createFiles", call: 3, error },
    ]);
    const root = engine.openRoot(folder);
    assertEquals(engine.kind, "deno");
    makeDirectory(engine, root, "a");
    assertCode("no-space", () => makeDirectory(engine, root, "b"));
    makeDirectory(engine, root, "b");
    for (
      const [name, code] of [["1", undefined], ["2", undefined], ["3", "no-space"], ["4", undefined]] as const
    ) {
      assertEquals((await createOne(engine, root, name))?.code, code);
    }
    assertEquals(listAll(engine, root).count, 5);
    assertEquals([calls.makeDirectory, calls.createFiles, calls.unlink], [3, 4, undefined]);
    engine[Symbol.dispose]();
  });
});

Deno.test("a fault at the end lets the work be done first", async () => {
  await withFolder(async (folder) => {
    const { engine } = faultEngine(openDenoEngine(), [
      { method: "writeRange", call: 1, error, at: "finish" },
      { method: "list", call: 1, error, at: "finish" },
    ]);
    const root = engine.openRoot(folder);
    const file = engine.createTarget(root, named("file"), { size: 100, mode: 0o644 });
    const pending = engine.writeRange(file, 0, contentOf(100));
    let thrown: unknown;
    try {
      await pending.finish();
    } catch (caught) {
      thrown = caught;
    }
    checkCode("no-space", thrown);
    engine.abandonTarget(file);
    assertEquals(await Deno.readFile(`${folder}/file`), contentOf(100));
    assertCode("no-space", () => listAll(engine, root));
    assertEquals(listAll(engine, root).count, 1);
    engine[Symbol.dispose]();
  });
});
