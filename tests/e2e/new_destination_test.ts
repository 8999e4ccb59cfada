/** A DEST that is not there: how it may be named, and the mode that it gets. */
import { assertEquals } from "@std/assert";
import { Proxy } from "../helpers/proxy.ts";
import {
  assertStatuses,
  type CopyOptions,
  copyTree,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

for (const mode of ["700", "750", "755", "555"]) {
  testEngines(`a DEST that is not there gets the source's mode ${mode}`, async (io) => {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/source" && echo k >"$1/source/key" && chmod "$2" "$1/source"', folder, mode);
      assertStatuses(await copyTree(bothWays(io, folder)), 0);
      assertEquals(await shell('stat -c %a "$1/target"', folder), `${mode}\n`);
    });
  });
}

testEngines("a DEST that a killed run has made gets the source's mode from the next one", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir source source/sub && head -c 30000000 /dev/urandom >source/sub/large && chmod 555 source/sub source',
      folder,
    );
    const options = bothWays(io, folder);
    const { sender, address } = await startSender({ ...options, send: [...options.send!, "--keep"] });
    await using _sender = sender;
    const half = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total < 12_000_000) return;
        proxy.hold();
        half.resolve();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    await half.promise;
    receiver.kill("SIGKILL");
    await receiver.end();
    proxy.cut();
    assertEquals(await shell('stat -c %a "$1/target"', folder), "755\n");
    await using again = startReceiver(options, address);
    assertEquals((await again.end()).status, 0);
    assertEquals(await shell('cd "$1" && diff -r source target && stat -c %a target', folder), "555\n");
  });
});

testEngines("DEST may end with a slash and a dot, also where it is not there", async (io) => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/source/sub" && echo 1 >"$1/source/sub/f"', folder);
    for (const end of ["/.", "/", "/./", "//new//deep/"]) {
      const target = `${folder}/target${end.length}${end}`;
      const outcome = await copyTree({ ...bothWays(io, folder), target });
      assertStatuses(outcome, 0);
      await shell('diff -r "$1/source" "$2"', folder, target);
    }
  });
});

function bothWays(io: "deno" | "uring", folder: string): CopyOptions {
  const engine = ["--io", io];
  return { source: `${folder}/source`, target: `${folder}/target`, send: engine, receive: engine };
}
