/** `--insecure`: what anybody may say at a plain port, and plaintext against TLS. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAnchorKey } from "../../src/security/anchor/certificate.ts";
import { decodeTicket, encodeTicket } from "../../src/security/anchor/ticket.ts";
import {
  assertStatuses,
  type Outcome,
  RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { serveConnections } from "../helpers/connections.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender, ticketTo } from "../helpers/ticket_copy.ts";
import { HostileReceiver } from "../hostile/hostile_receiver.ts";
import { frame, preamble } from "../hostile/messages.ts";

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

Deno.test("a silent connection is closed in the end, without an answer", async () => {
  await withFolder(async (folder) => {
    const { sender, address } = await startSender({ source: folder, target: "" });
    await using _sender = sender;
    const [hostname, port] = address.split(":");
    using stranger = await Deno.connect({ hostname: hostname!, port: Number(port) });
    assertEquals(await stranger.read(new Uint8Array(1)).catch(() => null), null);
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

testWhere({}, "lengths out of all proportion cost the sender nothing", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const before = await residentBytes(sender.pid);
    const preamble = [0x89, 0x52, 0x43, 0x50, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 1, 0, 1, 0, 0, 0];
    for (
      const lengths of [[255, 255, 255, 255, 0, 0, 0, 0], [248, 255, 255, 127, 0, 0, 0, 0], [
        32,
        0,
        0,
        0,
        255,
        255,
        255,
        255,
      ]]
    ) {
      for (const kind of [1, 2, 5, 255]) {
        const [hostname, port] = address.split(":");
        using connection = await Deno.connect({ hostname: hostname!, port: Number(port) });
        await connection.write(Uint8Array.from([...preamble, ...lengths, kind, 0, 0, 0, 0, 0, 0, 0]));
        await untilClosed(connection);
      }
    }
    const grown = await residentBytes(sender.pid) - before;
    assert(grown < 32e6, `grew by ${grown} bytes`);
    await using receiver = startReceiver(options, address);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
  });
});

Deno.test("every address that the sender prints is one that it listens on, written so that it can be dialled", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await using sender = new RcopyProcess(["send", "--insecure", "-p", "0", `${folder}/a`]);
    const [, target] = await sender.stdoutMatch(/^rcopy receive --insecure -a (\S+) \S+$/m);
    const [, port, listed] = await sender.stderrMatch(/port (\d+), reachable at (.+)/);
    assert(listed!.split(", ").length > 0);
    for (const hostname of listed!.split(", ")) {
      using connection = await Deno.connect({
        hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
        port: Number(port),
      });
      assertEquals(connection.remoteAddr.port, Number(port));
    }
    assertMatch(target!, /^(\[[0-9a-f:]+\]|[^:]+):\d+$/);
    await using receiver = new RcopyProcess(["receive", "--insecure", "-a", target!, `${folder}/b`]);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
  });
});

async function run(args: string[], options = {}): Promise<Outcome> {
  await using process = new RcopyProcess(args, options);
  return await process.end();
}

Deno.test("plaintext against TLS, either way, is status 3 with the remedy, and costs nobody else", async () => {
  await withTree(async (folder) => {
    const secure = await startTicketSender([`${folder}/a`]);
    await using _secure = secure.sender;
    const plainReceiver = await run([
      "receive",
      "--insecure",
      "-a",
      `127.0.0.1:${secure.port}`,
      `${folder}/b`,
    ]);
    assertStatus(plainReceiver, 3);
    assertMatch(
      plainReceiver.stderr,
      /secure connections only: use the ticket .* or say --insecure at both ends/,
    );
    assertStatus(await run(["receive", secure.ticket, `${folder}/c`]), 0);
    assertStatus(await secure.sender.end(), 0);

    await using plain = new RcopyProcess(["send", "--insecure", "-l", "-p", "0", `${folder}/a`]);
    const [, port] = await plain.stdoutMatch(/-a 127\.0\.0\.1:(\d+) /);
    const secureReceiver = await run([
      "receive",
      ticketTo(secure.ticket, { host: "127.0.0.1", port: Number(port) }),
      `${folder}/d`,
    ]);
    assertStatus(secureReceiver, 3);
    assertMatch(
      secureReceiver.stderr,
      /takes plain connections \(--insecure\), .*; start it without --insecure, or say --insecure at both ends/,
    );
    assertStatus(await run(["receive", "--insecure", "-a", `127.0.0.1:${port}`, `${folder}/e`]), 0);
    const { status, stderr } = await plain.end();
    assertEquals(status, 0, stderr);
    assertMatch(stderr, /looks like a TLS client, as rcopy is one without --insecure/);
    for (const name of ["b", "d"]) await assertNothingIn(`${folder}/${name}`);
  });
});

Deno.test("a listener that answers TLS with a plain handshake is refused by both kinds of dialer, with the remedy", async () => {
  await withTree(async (folder) => {
    const hello = frame("hello", { ...HostileReceiver.ownHello, role: 0 });
    const heard: string[] = [];
    const { port, stop } = serveConnections(
      Deno.listen({ hostname: "127.0.0.1", port: 0 }),
      async (connection) => {
        const buffer = new Uint8Array(5000);
        const count = await connection.read(buffer);
        heard.push(buffer.subarray(0, count ?? 0).toHex());
        await connection.write(new Uint8Array([...preamble("control"), ...hello]));
        while (await connection.read(buffer) !== null);
      },
    );
    const { spki: anchor } = await makeAnchorKey();
    const secret = crypto.getRandomValues(new Uint8Array(16));
    const ticket = encodeTicket({ anchor, secret, port, addresses: [{ host: "127.0.0.1", port }] });
    for (const args of [["receive", ticket, `${folder}/b`], ["send", "--to", ticket, `${folder}/a`]]) {
      const { status, stderr } = await run(args);
      assertEquals(status, 3, stderr);
      assertMatch(
        stderr,
        /takes plain connections \(--insecure\), .*; start it without --insecure, or say --insecure at both ends/,
      );
    }
    await stop();
    assert(heard.length >= 2);
    for (const words of heard) {
      assert(words.startsWith("1603"), "something other than TLS was said first");
      assert(!words.includes(secret.toHex()), "the secret is on the wire");
    }
    await assertNothingIn(`${folder}/b`);
  });
});

Deno.test("plaintext against TLS is refused with the remedy where the receiver listens too", async () => {
  await withTree(async (folder) => {
    const listen = ["receive", "--listen", "-l", "-p", "0"];
    await using secure = new RcopyProcess([...listen, `${folder}/b`]);
    const [, ticket = ""] = await secure.stdoutMatch(/rcopy send --to (rcopy1[a-z2-7]+) PATH/);
    const { port } = decodeTicket(ticket);
    const plainSender = await run(["send", "--insecure", "-a", `127.0.0.1:${port}`, `${folder}/a`]);
    assertEquals(plainSender.status, 3, plainSender.stderr);
    assertMatch(plainSender.stderr, /secure connections only: use the ticket .* or say --insecure at both/);

    await using plain = new RcopyProcess([...listen, "--insecure", `${folder}/c`]);
    const [, plainPort] = await plain.stdoutMatch(/-a 127\.0\.0\.1:(\d+)/);
    const way = ticketTo(ticket, { host: "127.0.0.1", port: Number(plainPort) });
    const secureSender = await run(["send", "--to", way, `${folder}/a`]);
    assertEquals(secureSender.status, 3, secureSender.stderr);
    assertMatch(
      secureSender.stderr,
      /takes plain connections \(--insecure\), .*; start it without --insecure, or say --insecure at both/,
    );
    for (const name of ["b", "c"]) await assertNothingIn(`${folder}/${name}`);

    // Both wait for the sender that was meant.
    assertEquals((await run(["send", "--to", ticket, `${folder}/a`])).status, 0);
    assertEquals(
      (await run(["send", "--insecure", "-a", `127.0.0.1:${plainPort}`, `${folder}/a`])).status,
      0,
    );
    for (const one of [secure, plain]) assertEquals((await one.end()).status, 0);
  });
});

function assertStatus(outcome: Outcome, status: number): void {
  assertEquals(outcome.status, status, `${outcome.stdout}${outcome.stderr}`);
}

async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await body(folder);
  });
}

/** DEST itself may have been made, once somebody answered. */
async function assertNothingIn(path: string): Promise<void> {
  assertEquals(await shell('test ! -e "$1" || find "$1" -mindepth 1', path), "");
}

async function residentBytes(pid: number): Promise<number> {
  return Number(await shell('grep VmRSS "/proc/$1/status" | tr -dc 0-9', String(pid))) * 1024;
}

async function untilClosed(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // Reset: closed as well.
  }
}

Deno.test("--insecure and what says how to prove oneself exclude each other", async () => {
  for (
    const given of [["--auth", "ssh"], ["--auth", "ticket"], ["--identity", "key"], [
      "--allow",
      "ssh-ed25519 AAAA",
    ]]
  ) {
    for (
      const words of [["send", ...given, "--insecure", "-l", "."], [
        "receive",
        ...given,
        "--insecure",
        "-a",
        "[::1]:9",
        "x",
      ]]
    ) {
      await using end = new RcopyProcess(words);
      const { status, stderr } = await end.end();
      assertEquals(status, 2, stderr);
      assertMatch(stderr, /leave out one of the two/);
    }
  }
});
