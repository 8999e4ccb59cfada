/** Which files lose their time after an integrity failure, and which do not. */
import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { distrust } from "./distrust.ts";

const time = new Date("2020-01-02T03:04:05Z");
const refused = new RcopyError("not-permitted", "says the test");

/** A tree of five files; the function gives those that have lost their time. */
function plant({ write, path }: EngineFolder): () => string[] {
  const files = ["one", "a/two", "a/b/c/three", ".rcopy-0123/mine", "d/four"];
  for (const file of files) write(file, "x");
  Deno.symlinkSync("../../one", `${path}/a/link`);
  Deno.symlinkSync("/", `${path}/a/away`);
  for (const file of files) Deno.utimeSync(`${path}/${file}`, time, time);
  return () => files.filter((file) => Deno.statSync(`${path}/${file}`).mtime!.getTime() !== time.getTime());
}

function deviceOf({ engine, root }: EngineFolder): number {
  return engine.identityOf(root).device;
}

Deno.test("distrust() takes the time of every file that is young enough, at any depth, and follows nothing", async () => {
  await inFolder((folder) => {
    const lost = plant(folder);
    const done = distrust(folder.engine, folder.root, new Map([[deviceOf(folder), 0n]]));
    assertEquals(done, { files: 4, failed: 0 });
    assertEquals(lost(), ["one", "a/two", "a/b/c/three", "d/four"]);
    assertEquals(Deno.statSync(`${folder.path}/one`).mtime!.getTime(), 0);
  });
});

Deno.test("distrust() leaves alone what is older than the run, and file systems that the run wrote nothing to", async () => {
  await inFolder((folder) => {
    const lost = plant(folder);
    const device = deviceOf(folder);
    const tomorrow = BigInt(Date.now() + 86_400_000) * 1_000_000n;
    for (const since of [new Map([[device, tomorrow]]), new Map([[device + 1, 0n]]), new Map()]) {
      assertEquals(distrust(folder.engine, folder.root, since), { files: 0, failed: 0 });
    }
    assertEquals(lost(), []);
  });
});

Deno.test("distrust() goes on where a file or a directory cannot be reached, and says how many", async () => {
  for (const method of ["setFileTime", "openDirectory"] as const) {
    await inFolder((folder) => {
      const lost = plant(folder);
      const { files, failed } = distrust(folder.engine, folder.root, new Map([[deviceOf(folder), 0n]]));
      assertEquals(failed, 1, method);
      assertEquals(lost().length, files);
      assertEquals(files >= 2 && files <= 3, true, `${files} files`);
    }, [{ method, call: 1, error: refused }]);
  }
});

Deno.test("distrust() keeps no more of a directory in memory than a part of it, and finds all of it", async () => {
  await inFolder((folder) => {
    for (let i = 0; i < 1000; i++) folder.write(`many/f${i}`);
    const done = distrust(folder.engine, folder.root, new Map([[deviceOf(folder), 0n]]));
    assertEquals(done, { files: 1000, failed: 0 });
  });
});
