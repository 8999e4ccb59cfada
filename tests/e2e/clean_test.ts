/** `rcopy receive --clean DEST`: what interrupted copies left, and nothing else. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { Proxy } from "../helpers/proxy.ts";
import { startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

async function run(...args: string[]) {
  return await runUnder(undefined, ...args);
}

/** Runs rcopy with these flags of Deno alone. */
async function runUnder(permissions: string[] | undefined, ...args: string[]) {
  await using process = new RcopyProcess(args, permissions ? { permissions } : {});
  return await process.end();
}

/** A destination in which a receiver was killed, with files of somebody that look alike. */
async function withInterrupted(io: string, body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await shell('cd "$1" && mkdir -p a/sub b && head -c 60000000 /dev/urandom > a/sub/large', folder);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io],
    };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const reached = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total < 30_000_000) return;
        proxy.hold();
        reached.resolve();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    await reached.promise;
    receiver.kill("SIGKILL");
    await receiver.end();
    await shell(
      `cd "$1/b" && echo mine > .rcopy-notes && echo mine > .rcopy-abcdefghijklmnopqrstuvwxyz.journal &&
       echo mine > .rcopy-abcdefghijklmnopqrstuvwxyz.part && chmod 644 .rcopy-* && echo mine > .rcopy-run-1`,
      folder,
    );
    await body(folder);
  });
}

const listed = (folder: string) => shell('cd "$1/b" && find . -type f | sort', folder);
const mine = "./.rcopy-abcdefghijklmnopqrstuvwxyz.journal\n./.rcopy-abcdefghijklmnopqrstuvwxyz.part\n" +
  "./.rcopy-notes\n./.rcopy-run-1\n";

testEngines(
  "receive --clean lists what is left with its size and age, and removes it with --yes alone",
  async (io) => {
    await withInterrupted(io, async (folder) => {
      const before = await listed(folder);
      const asked = await run("receive", "--clean", "--io", io, `${folder}/b`);
      assertEquals(asked.status, 0, asked.stderr);
      const lines = asked.stdout.trimEnd().split("\n");
      assertEquals(lines.length, 2, asked.stdout);
      assertMatch(lines[0]!, /^part\t[\d.]+ MB\t[\d.]+ m?s old\t.*\/b\/sub\/\.rcopy-[a-z2-7]{26}\.part$/);
      assertMatch(lines[1]!, /^journal\t[\d.]+ k?B\t.*\.journal$/);
      assertMatch(asked.stderr, /2 files of [\d.]+ MB stay.*--yes removes them/);
      assertEquals(await listed(folder), before);
      const removed = await run("receive", "--clean", "--yes", "--json", "--io", io, `${folder}/b`);
      assertEquals(removed.status, 0, removed.stderr);
      const [first] = removed.stdout.split("\n");
      assertEquals(JSON.parse(first!).kind, "part");
      assert(JSON.parse(first!).bytes > 4_000_000);
      assertEquals(await listed(folder), mine);
      const nothing = await run("receive", "--clean", "--yes", "--io", io, `${folder}/b`);
      assertEquals([nothing.status, nothing.stdout], [0, ""]);
      assertMatch(nothing.stderr, /left nothing here/);
    });
  },
);

Deno.test("receive --clean needs no network, and works under the flags that doctor prints", async () => {
  await withInterrupted("deno", async (folder) => {
    const command = ["receive", "--clean", "--yes", `${folder}/b`];
    const said = await run("doctor", "--json", ...command);
    const flags = JSON.stringify(JSON.parse(said.stdout)).match(/--allow-[a-z]+=[^"\\ ]*/g)!;
    assertEquals(flags.map((flag) => flag.split("=")[0]).toSorted(), ["--allow-read", "--allow-write"]);
    const { status, stderr } = await runUnder(flags, ...command);
    assertEquals(status, 0, stderr);
    assertEquals(await listed(folder), mine);
  });
});

Deno.test("receive --clean takes no option of a copy, one DEST, and one that is there", async () => {
  for (const args of [["--listen"], ["-a", "localhost:1"], ["--exists", "skip"], ["x", "y"]]) {
    assertEquals((await run("receive", "--clean", ...args)).status, 2, args.join(" "));
  }
  const missing = await run("receive", "--clean", "/nonexistent/folder");
  assertEquals(missing.status, 5, missing.stderr);
});
