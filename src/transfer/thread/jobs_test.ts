import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { ownName } from "../../entry/name.ts";
import type { FileRead, FileWrite } from "../../io/contract/engine.ts";
import { type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { lendReads, lendWrites, readsOf, writesOf } from "./jobs.ts";

const mtime = { seconds: -1, nanos: 999_999_999 };

/** Three files to read, of two directories. */
function readsIn({ engine, path }: EngineFolder): FileRead[] {
  const [first, second] = ["a", "b"].map((name) => {
    Deno.mkdirSync(`${path}/${name}`);
    return engine.openRoot(`${path}/${name}`);
  }) as [FileRead["directory"], FileRead["directory"]];
  return [first, second, first].map((directory, i): FileRead => ({
    directory,
    name: ownName(`file ${i}`),
    expected: { device: 2 ** 40 + i, inode: 2n ** 63n + BigInt(i), size: 2 ** 40, mtime, ctimeNs: -5n },
    offset: 0,
  }));
}

Deno.test("lendReads() makes plain columns, from which another thread gets the same files", async () => {
  await inFolder((folder) => {
    const { engine, calls } = folder;
    const reads = readsIn(folder);
    const lending = lendReads(engine, reads);
    assertEquals(lending.rows, [0, 1, 2]);
    const arrived = readsOf(engine, structuredClone(lending.job));
    assertEquals(
      arrived.map(({ name, expected }) => ({ name, expected })),
      reads.map(({ name, expected }) => ({ name, expected })),
    );
    const directories = arrived.map(({ directory }) => directory.shown);
    assertEquals(directories, reads.map(({ directory }) => directory.shown));
    lending.end();
    lending.end();
    assertEquals([calls.lendDirectory, calls.giveBackDirectory], [2, 2], "each directory is lent once");
  });
});

Deno.test("lendWrites() keeps mode, time, size and place of each file, and what it may replace", async () => {
  await inFolder(({ engine, root }) => {
    const write: FileWrite = {
      directory: root,
      name: ownName("x"),
      atOnce: true,
      replaces: { kind: 1, size: 7, mtime, ctimeNs: -3n },
      mode: 0o604,
      mtime,
      offset: 2 ** 33,
      size: 2 ** 32,
    };
    const { job, end } = lendWrites(engine, [write]);
    const [{ directory: _, ...made }] = writesOf(engine, structuredClone(job)) as [FileWrite];
    const { directory: __, ...wanted } = write;
    assertEquals(made, wanted);
    end();
  });
});

Deno.test("lendReads() leaves out files whose directory cannot be lent, and says why", async () => {
  const error = new RcopyError("type-conflict", "says the test");
  await inFolder((folder) => {
    const reads = readsIn(folder);
    const { rows, job, end } = lendReads(folder.engine, reads);
    assertEquals([rows, reads.map((read) => read.error)], [[1], [error, undefined, error]]);
    assertEquals(readsOf(folder.engine, job).map(({ name }) => name), [reads[1]!.name]);
    end();
    assertEquals(folder.calls.giveBackDirectory, 1);
  }, [{ method: "lendDirectory", call: 1, error }]);
});

Deno.test("lendReads() gives back what it has lent when it fails itself", async () => {
  const error = new RcopyError("internal", "says the test");
  await inFolder((folder) => {
    assertThrows(() => lendReads(folder.engine, readsIn(folder)), RcopyError, "says the test");
    assertEquals(folder.calls.giveBackDirectory, 1);
  }, [{ method: "lendDirectory", call: 2, error }]);
});
