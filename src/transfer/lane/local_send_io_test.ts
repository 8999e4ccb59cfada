import { assertEquals } from "@std/assert";
import { Codec } from "../../codec/codec.ts";
import { ownName } from "../../entry/name.ts";
import type { FileRead } from "../../io/contract/reading.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { StageAccount } from "../session/stage_account.ts";
import type { ContentCache } from "./lane_io.ts";
import { LocalSendIo } from "./local_send_io.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("readFiles() takes content from the cache, opens only the other files, and hashes all in their order", async () => {
  const root = await Deno.makeTempDir({ prefix: "rcopy-send-io-" });
  try {
    const contents: Record<string, string> = { cached: "from memory", other: "from the disk", third: "" };
    for (const [name, content] of Object.entries(contents)) {
      Deno.writeTextFileSync(`${root}/${name}`, content);
    }
    using engine = openDenoEngine();
    const directory = engine.openRoot(root);
    const opened: string[] = [];
    const watched = new Proxy(engine, {
      get(target, key) {
        if (key === "readFiles") {
          return (reads: FileRead[], memory: Uint8Array<ArrayBuffer>) => {
            opened.push(...reads.map(({ name }) => new TextDecoder().decode(name)));
            return target.readFiles(reads, memory);
          };
        }
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const reads = Object.keys(contents).map((file): FileRead => {
      const name = ownName(file);
      const found = engine.lookup(directory, [name])[0];
      if (found === undefined || !("inode" in found)) throw new Error(`${file} is not there`);
      const { device, inode, size, mtime, ctimeNs } = found;
      return { directory, name, expected: { device, inode, size, mtime, ctimeNs }, offset: 0 };
    });
    const cache: ContentCache = {
      take({ name, offset }, memory) {
        if (new TextDecoder().decode(name) !== "cached") return false;
        memory.set(bytes(contents.cached!), offset);
        return true;
      },
    };
    const [near, far] = memoryChannels();
    const io = new LocalSendIo(near, { engine: watched, account: new StageAccount(), cache });
    const hashes = await io.readFiles(0, reads).finish();
    using hasher = Codec.open({ arenaBytes: 0 });
    const expected = Object.values(contents).flatMap((content) => [...hasher.hashOf(bytes(content))]);
    assertEquals([...hashes], expected);
    assertEquals(opened, ["other", "third"]);
    io.close();
    far.close();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
