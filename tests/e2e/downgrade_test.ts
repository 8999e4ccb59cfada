/** Nobody makes two ends speak an older version, or less than TLS 1.3, than both of them can. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  anchorOf,
  certifyLeaf,
  makeAnchorKey,
  unlimitedValidity,
} from "../../src/security/anchor/certificate.ts";
import { decodeTicket, encodeTicket } from "../../src/security/anchor/ticket.ts";
import { serveConnections } from "../helpers/connections.ts";
import { Proxy } from "../helpers/proxy.ts";
import { type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender, ticketTo } from "../helpers/ticket_copy.ts";
import { Connection } from "../hostile/connection.ts";
import { HostileReceiver } from "../hostile/hostile_receiver.ts";
import { frame, preamble } from "../hostile/messages.ts";

async function run(args: string[]): Promise<Outcome> {
  await using process = new RcopyProcess(args);
  return await process.end();
}

async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await body(folder);
  });
}

async function assertNothingIn(path: string): Promise<void> {
  assertEquals(await shell('test ! -e "$1" || find "$1" -mindepth 1', path), "");
}

/** A listener that holds the ticket's key and the secret, and opens with these bytes; and its ticket. */
async function listenerThatSays(answer: Uint8Array) {
  const anchor = await makeAnchorKey();
  const { chainPem: cert, keyPem: key } = await certifyLeaf(anchor, unlimitedValidity);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const { port, stop } = serveConnections(listener, async (connection) => {
    await connection.read(new Uint8Array(5000));
    await connection.write(answer);
    await connection.read(new Uint8Array(5000));
  });
  const secret = crypto.getRandomValues(new Uint8Array(16));
  const addresses = [{ host: "127.0.0.1", port }];
  return { ticket: encodeTicket({ anchor: anchor.spki, secret, port, addresses }), stop };
}

/** Lowest and highest version, and what is said of them. */
const versions: [number, number, RegExp][] = [
  [2, 3, /no common protocol version: the peer speaks 2 to 3, .*update rcopy at this end/],
  [0, 0, /the preamble of the connection is damaged/],
  [0, 1, /the preamble of the connection is damaged/],
  [1, 0, /the preamble of the connection is damaged/],
];
for (const [lowest, highest, said] of versions) {
  Deno.test(`a listener with the ticket's key that speaks versions ${lowest} to ${highest} is refused`, async () => {
    await withTree(async (folder) => {
      const hello = frame("hello", { ...HostileReceiver.ownHello, role: 0 });
      const answer = new Uint8Array([...preamble("control", lowest, highest), ...hello]);
      for (const receives of [true, false]) {
        const { ticket, stop } = await listenerThatSays(answer);
        const { status, stderr } = await run(
          receives ? ["receive", ticket, `${folder}/b`] : ["send", "--to", ticket, `${folder}/a`],
        );
        await stop();
        assertEquals(status, 3, stderr);
        assertMatch(stderr, said);
      }
      await assertNothingIn(`${folder}/b`);
    });
  });
}

/** A dialer that has the ticket; performs the handshake with these versions and features. */
async function dialWith(ticket: string, versions: [number, number], features: bigint): Promise<Connection> {
  const { anchor, secret, port } = decodeTicket(ticket);
  const { anchorPem, serverName } = await anchorOf(anchor);
  const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
  const tls = await Deno.startTls(tcp, { hostname: serverName, caCerts: [anchorPem] });
  await tls.handshake();
  const connection = new Connection(tls);
  await connection.write(preamble("control", ...versions));
  await connection.send("authStart", { method: ticketMethod });
  await connection.send("authProof", { secret });
  await connection.send("hello", { ...HostileReceiver.ownHello, features });
  return connection;
}

/** Finds records of TLS in the chunks of one direction, wherever those begin and end. */
class Records {
  #header: number[] = [];
  #left = 0;
  /** Encrypted records so far. */
  encrypted = 0;

  /** Flips a bit in the first byte of each encrypted record that is chosen by its number, from 1 on. */
  flip(chunk: Uint8Array, isChosen: (number: number) => boolean): number {
    let flipped = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (this.#left > 0) {
        const [type, , , high, low] = this.#header;
        const isFirst = this.#left === high! * 256 + low!;
        if (isFirst && type === encryptedRecord && isChosen(++this.encrypted)) {
          chunk[at]! ^= 1;
          flipped++;
        }
        if (--this.#left === 0) this.#header = [];
        continue;
      }
      this.#header.push(chunk[at]!);
      if (this.#header.length === 5) this.#left = this.#header[3]! * 256 + this.#header[4]!;
    }
    return flipped;
  }
}

const encryptedRecord = 0x17;
/** Of `AuthMethod` in schema.capnp. */
const ticketMethod = 0;

Deno.test("a dialer with the ticket that speaks other versions is told so, and the next one is served", async () => {
  await withTree(async (folder) => {
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    for (const [lowest, highest] of versions) {
      using dialer = await dialWith(ticket, [lowest, highest], 0n);
      const answer = lowest > 0 && lowest <= highest ? await dialer.answer("control") : undefined;
      const wanted = lowest > 0 && lowest <= highest ? ["close", 9] : [undefined, undefined];
      assertEquals([answer?.kind, answer?.values.code], wanted, `versions ${lowest} to ${highest}`);
      assertEquals(await dialer.read(1), undefined);
    }
    await sender.stderrMatch(/closed a connection/);
    assertEquals((await run(["receive", ticket, `${folder}/b`])).status, 0);
    assertEquals((await sender.end()).status, 0);
  });
});

Deno.test("a dialer of versions 1 to 9 and unknown features gets version 1 and what both ends know: nothing", async () => {
  await withTree(async (folder) => {
    const { sender, ticket } = await startTicketSender(["--keep", `${folder}/a`]);
    await using _sender = sender;
    for (const features of [0n, 1n, 0xffff_ffff_ffff_ffffn]) {
      using dialer = await dialWith(ticket, [1, 9], features);
      assertEquals((await dialer.read(16))?.toHex(), preamble("control").toHex());
      const { kind, values } = (await dialer.next())!;
      assertEquals([kind, values.features], ["hello", 0n]);
    }
  });
});

Deno.test("what a man in the middle changes of the handshake or of the hello ends it, and is not obeyed", async () => {
  await withTree(async (folder) => {
    const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    /** The extension of a dialer that offers TLS 1.3 and 1.2. */
    const supportedVersions = [0, 43, 0, 5, 4, 3, 4, 3, 3];
    /** What is done to bytes on their way, which says how often it was done, and what the dialer says of it. */
    type Change = (
      chunk: Uint8Array,
      from: { dialer: boolean; dialers: Records; listeners: Records },
    ) => number;
    const changes: Record<string, [Change, RegExp]> = {
      "TLS 1.2 is all that the dialer offers": [(chunk, { dialer }) => {
        const at = chunk.findIndex((_, i) => supportedVersions.every((byte, j) => chunk[i + j] === byte));
        if (!dialer || at < 0) return 0;
        chunk[at + 6] = 3;
        return 1;
      }, /is not the peer that was meant/],
      "a bit of the listener's certificate": [(chunk, { dialer, listeners }) => {
        return dialer ? 0 : listeners.flip(chunk, (number) => number === 1);
      }, /is not the peer that was meant/],
      // The first encrypted record of a dialer is the end of its TLS handshake; then comes rcopy's.
      "a bit of the dialer's handshake": [(chunk, { dialer, dialers }) => {
        return dialer ? dialers.flip(chunk, (number) => number === 2) : 0;
      }, /was changed on the way; .*take another network/],
      "a bit of the listener's answer": [(chunk, { dialer, dialers, listeners }) => {
        if (dialer) return dialers.flip(chunk, () => false);
        return listeners.flip(chunk, () => dialers.encrypted >= 2);
      }, /was changed on the way; .*take another network/],
    };
    for (const [what, [change, said]] of Object.entries(changes)) {
      let count = 0;
      const [dialers, listeners] = [new Records(), new Records()];
      await using proxy = new Proxy(`127.0.0.1:${port}`, {
        onChunk: (direction, chunk) => {
          count += change(chunk, { dialer: direction === "to-sender", dialers, listeners });
        },
      });
      const [host, proxyPort] = proxy.address.split(":");
      const way = ticketTo(ticket, { host: host!, port: Number(proxyPort) });
      const { status, stderr } = await run(["receive", way, `${folder}/b`]);
      assert(count > 0, `${what}: nothing was changed`);
      assertEquals(status, 3, `${what}: ${stderr}`);
      assertMatch(stderr, said);
    }
    await assertNothingIn(`${folder}/b`);
    assertEquals((await run(["receive", ticket, `${folder}/b`])).status, 0);
    assertEquals((await sender.end()).status, 0);
  });
});
