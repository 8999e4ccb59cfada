/** Which files lose their time after an integrity failure, and which do not. */
import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { parseEntryName } from "../../entry/name.ts";
import { bytesOf, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
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
    assertEquals(done, { files: 5, failed: 0 });
    assertEquals(lost(), ["one", "a/two", "a/b/c/three", ".rcopy-0123/mine", "d/four"]);
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
      assertEquals(files >= 2 && files <= 4, true, `${files} files`);
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

Deno.test("distrust() goes as deep as the tree, without a call for each level", async () => {
  await inFolder(({ engine, root, path }) => {
    const depth = 200;
    const chain = [root];
    for (let i = 0; i < depth; i++) {
      chain.push(engine.makeDirectory(chain[i]!, parseEntryName(bytesOf("d")), 0o755));
    }
    const file = {
      directory: chain.at(-1)!,
      name: parseEntryName(bytesOf("file")),
      atOnce: true,
      mode: 0o644,
      mtime: { seconds: 5, nanos: 0 },
      offset: 0,
      size: 0,
    };
    engine.createFiles([file], new Uint8Array(0)).finish();
    const since = new Map([[engine.identityOf(root).device, 0n]]);
    assertEquals(distrust(engine, root, since), { files: 1, failed: 0 });
    for (const directory of chain.slice(1).toReversed()) engine.closeDirectory(directory);
    new Deno.Command("rm", { args: ["-r", `${path}/d`] }).outputSync();
  });
});
