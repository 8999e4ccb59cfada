/** Connections of people who are not rcopy change nothing. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";

const firstBytes: Record<string, Uint8Array<ArrayBuffer>> = {
  "an HTTP request": new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  "an SSH banner": new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n"),
  "a TLS client": Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
  "64 KiB of noise": crypto.getRandomValues(new Uint8Array(65536)),
  "half a preamble": Uint8Array.of(0x89, 0x52, 0x43, 0x50),
  "a preamble and no more": Uint8Array.of(
    0x89,
    0x52,
    0x43,
    0x50,
    0x0d,
    0x0a,
    0x1a,
    0x0a,
    1,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
  ),
  "nothing": new Uint8Array(0),
};

Deno.test("strangers of all kinds come before a receiver and stay connected; it is served all the same", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 1000000 /dev/urandom > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const [hostname, port] = address.split(":");
    const strangers: Deno.TcpConn[] = [];
    for (const bytes of Object.values(firstBytes)) {
      for (let i = 0; i < 3; i++) {
        const stranger = await Deno.connect({ hostname: hostname!, port: Number(port) });
        strangers.push(stranger);
        await stranger.write(bytes).catch(() => {});
      }
    }
    await using receiver = startReceiver(options, address);
    const outcome = { sent: await sender.end(), received: await receiver.end() };
    for (const stranger of strangers) stranger.close();
    assertStatuses(outcome, 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
    const lines = outcome.sent.stderr.split("\n").filter((line) => line.includes("closed a connection"));
    assert(lines.length <= 2, `${lines.length} lines about strangers`);
  });
});

Deno.test("a silent connection is closed after ten seconds, without an answer", async () => {
  await withFolder(async (folder) => {
    const { sender, address } = await startSender({ source: folder, target: "" });
    await using _sender = sender;
    const [hostname, port] = address.split(":");
    using stranger = await Deno.connect({ hostname: hostname!, port: Number(port) });
    const before = performance.now();
    assertEquals(await stranger.read(new Uint8Array(1)).catch(() => null), null);
    const waitedMs = performance.now() - before;
    assert(waitedMs > 8_000 && waitedMs < 20_000, `${waitedMs} ms`);
    sender.kill("SIGINT");
    assertEquals((await sender.end()).status, 130);
  });
});

Deno.test("a hundred connections at once leave room for a receiver after them", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const [hostname, port] = address.split(":");
    const connect = () => Deno.connect({ hostname: hostname!, port: Number(port) });
    const strangers = await Promise.all(Array.from({ length: 100 }, connect));
    for (const stranger of strangers) stranger.close();
    await using receiver = startReceiver(options, address);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
  });
});
