/** The hostile peers are sound: when they behave, the program believes them. */
import { assertEquals } from "@std/assert";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, testEngines, testWhere, withFolder } from "../helpers/test_folder.ts";
import { fetchTruly, HostileReceiver } from "./hostile_receiver.ts";
import { latin1 } from "./hostile_sender.ts";
import { attackReceiver, Victim } from "./sessions.ts";
import { xxh3 } from "./xxh3.ts";

/** Content that differs from byte to byte. */
function content(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) ^ (i >>> 8));
}

testWhere(
  { programs: ["xxhsum"] },
  "the peers' XXH3-128 is that of xxhsum at every length where it branches",
  async () => {
    await withFolder(async (folder) => {
      const lengths = [
        0,
        1,
        3,
        4,
        8,
        9,
        16,
        17,
        32,
        33,
        64,
        65,
        96,
        97,
        128,
        129,
        160,
        161,
        240,
        241,
        1024,
        1025,
      ];
      for (const length of [...lengths, 4 << 20]) {
        await Deno.writeFile(`${folder}/file`, content(length, length));
        const hash = (await shell('xxhsum -H2 "$1/file"', folder)).split(" ")[0];
        assertEquals(xxh3(content(length, length)).toHex(), hash, `${length} bytes`);
      }
    });
  },
);

testEngines("a sender written from PROTOCOL.md alone is received when it behaves", async (io) => {
  const entries = [
    { name: "small", size: 3 },
    { name: "empty" },
    { name: "large", size: (8 << 20) + 5 },
    { name: "d", kind: 2 },
    { name: "link", kind: 3, link: "../canary" },
    { name: "inner", in: 1, size: 4, mode: 0o600 },
  ];
  const large = content((8 << 20) + 5, 1);
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(entries);
    await peer.bundle([0, 1, 5], [latin1("abc"), latin1(""), latin1("four")]);
    await peer.extent({ entry: 2, index: 2 }, large.slice(8 << 20), 1);
    await peer.extent({ entry: 2, index: 0 }, large.slice(0, 4 << 20));
    await peer.extent({ entry: 2, index: 1, fileVerified: true }, large.slice(4 << 20, 8 << 20), 1);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.links, receipt.failed], [4n, 1n, 0n]);
  }, {
    io,
    after: async (folder) => {
      const listed = await shell('cd "$1/target" && find . -printf "%p %y %m %s %l\\n" | sort', folder);
      assertEquals(
        listed.replace(/^\. .*\n/m, "").replace(/ d (\d+) \d+/, " d $1"),
        [
          "./d d 755 ",
          "./d/inner f 600 4 ",
          "./empty f 644 0 ",
          `./large f 644 ${large.length} `,
          "./link l 777 9 ../canary",
          "./small f 644 3 ",
          "",
        ].join("\n"),
      );
      assertEquals(await Deno.readFile(`${folder}/target/large`), large);
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("a receiver written from PROTOCOL.md alone is served when it behaves, and its receipt is believed", async () => {
  await withFolder(async (folder) => {
    const large = content((8 << 20) + 5, 2);
    await shell(
      'mkdir -p "$1/a/d/e" && cd "$1/a" && echo 1 > one && echo 2 > d/two && ln -s one link && : > empty',
      folder,
    );
    await Deno.writeFile(`${folder}/a/d/e/large`, large);
    await using victim = await Victim.serve(`${folder}/a`);
    using peer = new HostileReceiver(victim.address);
    await peer.shakeHands();
    const { files, code } = await fetchTruly(peer);
    assertEquals(code, 0);
    assertEquals([...files.keys()].sort(), ["d/e/large", "d/two", "empty", "one"]);
    assertEquals(files.get("d/e/large"), large);
    await victim.stop();
  });
});

Deno.test("a receipt that lies about any count or hash is refused by the sender", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/a/d" && cd "$1/a" && echo 1 > one && echo 2 > d/two', folder);
    for (
      const lie of [{ files: 3 }, { bytes: 5 }, { failed: 1 }, { treeSum: new Uint8Array(16) }, {
        treeCount: 2,
      }]
    ) {
      const program = new RcopyProcess(["send", "--insecure", "-l", "-p", "0", "--", `${folder}/a`]);
      await using _program = program;
      const [, port] = await program.stdoutMatch(/-a 127\.0\.0\.1:(\d+)/);
      using peer = new HostileReceiver(`127.0.0.1:${port}`);
      await peer.shakeHands();
      const { code } = await fetchTruly(peer, (receipt) => ({ ...receipt, ...lie }));
      peer[Symbol.dispose]();
      // The reason is integrity, which closes with 2 and ends the program with 1.
      const { status, stderr } = await program.end();
      assertEquals([code, status], [2, 1], stderr);
    }
  });
});
