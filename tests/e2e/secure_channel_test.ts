/** What somebody between the two ends, or in the place of one, gets: nothing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type AnchorKey,
  certifyLeaf,
  makeAnchorKey,
  unlimitedValidity,
} from "../../src/security/anchor/certificate.ts";
import { decodeTicket, encodeTicket } from "../../src/security/anchor/ticket.ts";
import { Proxy } from "../helpers/proxy.ts";
import { type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import { changedTicket, startTicketSender, ticketTo } from "../helpers/ticket_copy.ts";

const dayMs = 24 * 3600 * 1000;

async function receive(ticket: string, dest: string, more: string[] = []): Promise<Outcome> {
  await using process = new RcopyProcess(["receive", ...more, ticket, dest]);
  return await process.end();
}

/** Ends at once when its session is lost. */
const impatient = ["--patience", "0s"];

function portOf(address: string): { host: string; port: number } {
  const [host, port] = address.split(":");
  return { host: host!, port: Number(port) };
}

function contains(haystack: readonly Uint8Array[], needle: string): boolean {
  const text = haystack.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
  return text.includes(needle);
}

/** A listener that is not rcopy, behind a certificate; gives the bytes that dialers sent inside TLS. */
function impostor(chain: { chainPem: string; keyPem: string }) {
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: chain.chainPem,
    key: chain.keyPem,
  });
  const heard: Uint8Array[] = [];
  const serving = (async () => {
    for (;;) {
      const connection = await listener.accept().catch(() => undefined);
      if (!connection) return;
      const buffer = new Uint8Array(10_000);
      const count = await connection.read(buffer).catch(() => 0);
      if (count) heard.push(buffer.slice(0, count));
      connection.close();
    }
  })();
  const stop = async () => {
    listener.close();
    await serving;
    return heard;
  };
  return { port: (listener.addr as Deno.NetAddr).port, stop };
}

Deno.test("whoever reads the wire sees neither a name nor content, and without TLS would see both", async () => {
  await withFolder(async (folder) => {
    const name = "a-name-that-nobody-else-has";
    const content = "what is in the file and must not be read by others";
    await shell('mkdir "$1/a" && yes "$3" | head -c 300000 > "$1/a/$2"', folder, name, content);
    const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const seen: Uint8Array[] = [];
    await using proxy = new Proxy(`127.0.0.1:${port}`, {
      onChunk: (_direction, chunk) => void seen.push(chunk.slice()),
    });
    const received = await receive(ticketTo(ticket, portOf(proxy.address)), `${folder}/b`);
    assertEquals(received.status, 0, received.stderr);
    assertEquals((await sender.end()).status, 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
    const total = seen.reduce((sum, chunk) => sum + chunk.length, 0);
    assert(total > 300_000, `only ${total} bytes went through the proxy`);
    for (const secret of [name, content, content.slice(0, 12), ticket.slice(60, 80), "rcopy 0"]) {
      assert(!contains(seen, secret), `${secret} can be read on the wire`);
    }
    assert(
      !contains(seen, new TextDecoder("latin1").decode(decodeTicket(ticket).secret)),
      "the secret is on the wire",
    );

    await using open = new RcopyProcess(["send", "--insecure", "-l", "-p", "0", `${folder}/a`]);
    const [, openPort] = await open.stdoutMatch(/-a 127\.0\.0\.1:(\d+)/);
    const plain: Uint8Array[] = [];
    await using plainProxy = new Proxy(`127.0.0.1:${openPort}`, {
      onChunk: (_direction, chunk) => void plain.push(chunk.slice()),
    });
    await using reader = new RcopyProcess(["receive", "--insecure", "-a", plainProxy.address, `${folder}/c`]);
    assertEquals((await reader.end()).status, 0);
    assert(contains(plain, name) && contains(plain, content), "this test does not see what goes by");
  });
});

Deno.test("a man in the middle with keys of his own is refused, and hears nothing of the secret", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const { anchor } = decodeTicket(ticket);
    const his = await makeAnchorKey();
    const name = (await certifyLeaf({ ...his, spki: anchor }, unlimitedValidity)).serverName;
    const chains = {
      "his own anchor": await certifyLeaf(his, unlimitedValidity),
      "his own anchor and the right name": await certifyLeaf(his, unlimitedValidity, name),
      "the right anchor and a leaf that it never signed": await certifyLeaf(
        { spki: anchor, sign: his.sign },
        unlimitedValidity,
      ),
    };
    for (const [what, chain] of Object.entries(chains)) {
      const man = impostor(chain);
      const refused = await receive(
        ticketTo(ticket, { host: "127.0.0.1", port: man.port }),
        `${folder}/b`,
      );
      assertEquals(refused.status, 3, `${what}: ${refused.stderr}`);
      assertMatch(refused.stderr, /is not the peer that was meant/);
      assertEquals(await man.stop(), [], `${what}: something was sent to him`);
    }
    // Beside the right address he stops nobody.
    const man = impostor(chains["his own anchor"]);
    const both = changedTicket(ticket, {
      addresses: [{ host: "127.0.0.1", port: man.port }, { host: "127.0.0.1", port }],
    });
    assertEquals((await receive(both, `${folder}/b`)).status, 0);
    assertEquals((await sender.end()).status, 0);
    assertEquals(await man.stop(), []);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

Deno.test("a leaf that is expired or not yet valid is refused, and the clocks are named", async () => {
  await withFolder(async (folder) => {
    const key: AnchorKey = await makeAnchorKey();
    for (const [from, to] of [[-9 * dayMs, -2 * dayMs], [2 * dayMs, 9 * dayMs]] as const) {
      const now = Date.now();
      const leaf = await certifyLeaf(key, { notBefore: new Date(now + from), notAfter: new Date(now + to) });
      const late = impostor(leaf);
      const secret = crypto.getRandomValues(new Uint8Array(16));
      const address = { host: "127.0.0.1", port: late.port };
      const ticket = encodeTicket({ anchor: key.spki, secret, port: late.port, addresses: [address] });
      const refused = await receive(ticket, `${folder}/b`);
      assertEquals(refused.status, 3, refused.stderr);
      assertMatch(refused.stderr, /the clocks of the two machines differ/);
      assertEquals(await late.stop(), []);
    }
  });
});

Deno.test("a session that is cut is a lost peer on both sides, and the receiver may come back", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 30000000 /dev/urandom > "$1/a/file"', folder);
    const { sender, ticket, port } = await startTicketSender(["--patience", "5m", `${folder}/a`]);
    await using _sender = sender;
    {
      await using proxy: Proxy = new Proxy(`127.0.0.1:${port}`, {
        onChunk: (_direction, _chunk, total) => void (total > 5_000_000 && proxy.cut()),
      });
      const lost = await receive(ticketTo(ticket, portOf(proxy.address)), `${folder}/b`, impatient);
      assertEquals(lost.status, 4, lost.stderr);
    }
    await sender.stderrMatch(/waiting 5 min for it to come back/);
    assertEquals((await receive(ticket, `${folder}/b`)).status, 0);
    assertEquals((await sender.end()).status, 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

Deno.test("an end that is cut off right after the last byte of data never calls it success", async () => {
  await withFolder(async (folder) => {
    const size = 6_000_000;
    await shell('mkdir "$1/a" && head -c "$2" /dev/urandom > "$1/a/file"', folder, `${size}`);
    const { sender, ticket, port } = await startTicketSender(["--patience", "0s", `${folder}/a`]);
    await using _sender = sender;
    let toReceiver = 0;
    await using proxy: Proxy = new Proxy(`127.0.0.1:${port}`, {
      onChunk: (direction, chunk) => {
        if (direction === "to-receiver") toReceiver += chunk.length;
        // A record of TLS adds 22 bytes to 16 KiB: by then all content is through, and what the receiver says to it is not.
        else if (toReceiver > size * 1.0013) proxy.cut();
      },
    });
    const lost = await receive(ticketTo(ticket, portOf(proxy.address)), `${folder}/b`, impatient);
    assertEquals(lost.status, 4, lost.stderr);
    const sent = await sender.end();
    assertEquals(sent.status, 4, sent.stderr);
  });
});

Deno.test("a session played back to the sender does nothing", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const { sender, ticket, port } = await startTicketSender(["--keep", `${folder}/a`]);
    await using _sender = sender;
    const recorded: Uint8Array<ArrayBuffer>[] = [];
    {
      await using proxy = new Proxy(`127.0.0.1:${port}`, {
        onChunk: (direction, chunk) => void (direction === "to-sender" && recorded.push(chunk.slice())),
      });
      assertEquals((await receive(ticketTo(ticket, portOf(proxy.address)), `${folder}/b`)).status, 0);
    }
    const before = (await sender.stderrMatch(/sent 1 file/)).input.match(/sent 1 file/g)!.length;
    assert(recorded.length > 3);
    const played = await Deno.connect({ hostname: "127.0.0.1", port });
    let answered = 0;
    try {
      for (const chunk of recorded) await played.write(chunk);
      const buffer = new Uint8Array(65536);
      for (let count = await played.read(buffer); count !== null; count = await played.read(buffer)) {
        answered += count;
      }
    } catch {
      // It was closed in the middle, which is as good.
    }
    played.close();
    assert(answered < 4096, `${answered} bytes came back`);
    assertEquals((await receive(ticket, `${folder}/c`)).status, 0);
    sender.kill("SIGINT");
    const { stderr } = await sender.end();
    assertEquals(stderr.match(/sent 1 file/g)!.length, before + 1, stderr);
  });
});

Deno.test("strangers at a secure port change nothing, those in the middle of a handshake neither", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const halfHello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
    const strangers: Deno.TcpConn[] = [];
    for (const bytes of [halfHello, new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), new Uint8Array(0)]) {
      for (let i = 0; i < 4; i++) {
        const stranger = await Deno.connect({ hostname: "127.0.0.1", port });
        strangers.push(stranger);
        await stranger.write(bytes).catch(() => 0);
      }
    }
    assertEquals((await receive(ticket, `${folder}/b`)).status, 0);
    const { status, stderr } = await sender.end();
    for (const stranger of strangers) stranger.close();
    assertEquals(status, 0, stderr);
    assert((stderr.match(/closed a connection/g) ?? []).length <= 2, stderr);
  });
});
