/** Admission under a flood of silent connections. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type Socket } from "node:net";
import { frame, preamble } from "../../tests/hostile/messages.ts";
import { hello as validHello } from "../../tests/helpers/handshake.ts";
import { memoryChannels } from "../../tests/helpers/memory_channel.ts";
import { whyNot } from "../../tests/helpers/test_folder.ts";
import type { Channel } from "../net/channel.ts";
import { listenForPeers } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import { encodePreamble } from "../wire/version.ts";
import { Admission } from "./admission.ts";
import type { Handshake } from "./authenticate.ts";
import { writeFrames } from "./handshake.ts";

const crowd = 300;
/** Addresses that the crowd comes from. */
const crowdSources = 50;
/** As many as may be unauthenticated at a time, and some more. */
const pushedOutMax = 100;
const hello = frame("hello", {
  role: 1,
  streams: 1,
  timeoutMs: 1000,
  mtimeResolutionNs: 1,
  creditBytes: 1 << 20,
  batchEntries: 1,
});

function opened(port: number, localAddress: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.once("connect", () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

const why = whyNot({}); // other systems have one loopback address only

Deno.test({
  name: `a peer that comes after a silent crowd does not wait until all of it is gone${
    why === undefined ? "" : ` (skipped: ${why})`
  }`,
  ignore: why !== undefined,
  fn: async () => {
    using listener = listenForPeers({ port: 0, local: true }, plainTransport);
    const met = Promise.withResolvers<void>();
    const admission = new Admission(listener, {
      descriptorsMax: 100_000,
      onHandshake: (channel) => {
        channel.close();
        met.resolve();
        return Promise.resolve();
      },
      onNote: () => {},
    });
    const running = admission.run();
    const sockets: Socket[] = [];
    let closed = 0;
    for (let number = 0; number < crowd; number++) {
      const socket = await opened(listener.port, `127.0.7.${1 + number % crowdSources}`);
      socket.once("close", () => closed++);
      sockets.push(socket);
    }
    const newcomer = await opened(listener.port, "127.0.0.1");
    newcomer.write(new Uint8Array([...preamble("control"), ...hello]));
    await met.promise;
    assert(closed <= pushedOutMax, `${closed} of the crowd had to go first`);
    listener[Symbol.dispose]();
    await running;
    const ended = [...sockets, newcomer].map((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (socket.closed) resolve();
      else socket.once("close", () => resolve());
      socket.resume();
      socket.destroy();
      return promise;
    });
    await Promise.all(ended);
  },
});

/** A listener to which connections come as a test wants them to. */
class Arrivals {
  readonly #arrived: Channel[] = [];
  #next = Promise.withResolvers<void>();
  #isClosed = false;

  /** The other end of a new connection. */
  connect(source: string): Channel {
    const [peer, channel] = memoryChannels({ source });
    this.#arrived.push(channel);
    this.#next.resolve();
    return peer;
  }

  close(): void {
    this.#isClosed = true;
    this.#next.resolve();
  }

  async accept(): Promise<Channel | undefined> {
    while (this.#arrived.length === 0 && !this.#isClosed) {
      await this.#next.promise;
      this.#next = Promise.withResolvers();
    }
    return this.#arrived.shift();
  }
}

/** Runs `body` with an admission that notes what it hands on; connections that are left are closed at the end. */
async function admitting(
  body: (it: { arrivals: Arrivals; handedOn: Handshake[]; notes: string[] }) => Promise<void>,
): Promise<void> {
  const [arrivals, handedOn, notes] = [new Arrivals(), [] as Handshake[], [] as string[]];
  const admission = new Admission(arrivals, {
    descriptorsMax: 100_000,
    onHandshake: (channel, handshake) => {
      handedOn.push(handshake);
      channel.close();
      return Promise.resolve();
    },
    onNote: (note) => void notes.push(note),
  });
  const running = admission.run();
  await body({ arrivals, handedOn, notes });
  arrivals.close();
  await running;
}

/** Resolves when the other end has hung up; drops what it says before. */
async function hangUp(channel: Channel): Promise<void> {
  const sink = new Uint8Array(1000);
  while (await channel.read(sink) > 0);
}

Deno.test("a valid handshake is handed on; what is none is closed, with one note for many", () =>
  admitting(async ({ arrivals, handedOn, notes }) => {
    for (let i = 0; i < 3; i++) {
      const stranger = arrivals.connect("192.0.2.66");
      await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      await hangUp(stranger);
    }
    const peer = arrivals.connect("192.0.2.7");
    await writeFrames(peer, encodePreamble("control"), validHello);
    await hangUp(peer);
    assertEquals(handedOn, [{ of: "control", hello: validHello, preambleSent: false }]);
    assertEquals(notes.length, 1);
    assertMatch(notes[0]!, /^closed a connection from .*looks like an HTTP client/);
  }));

Deno.test("who comes for a look and leaves without a word is worth no note; who says half a word is", () =>
  admitting(async ({ arrivals, notes }) => {
    arrivals.connect("192.0.2.7").close();
    const half = arrivals.connect("192.0.2.7");
    await half.write(encodePreamble("control").slice(0, 4));
    half.close();
    const last = arrivals.connect("192.0.2.7");
    await writeFrames(last, encodePreamble("control"), validHello);
    await hangUp(last);
    assertEquals(notes.length, 1);
    assertMatch(notes[0]!, /hung up during the handshake/);
  }));

Deno.test("one address has 32 silent connections at most; a newer one displaces the oldest, and no other's", () =>
  admitting(async ({ arrivals, handedOn }) => {
    const other = arrivals.connect("192.0.2.7");
    const silent = Array.from({ length: 33 }, () => arrivals.connect("192.0.2.66"));
    await hangUp(silent[0]!); // after its grace
    const newcomer = arrivals.connect("192.0.2.7");
    for (const peer of [newcomer, other, ...silent.slice(1)]) {
      await writeFrames(peer, encodePreamble("control"), validHello);
      await hangUp(peer);
    }
    assertEquals(handedOn.length, 34);
  }));

Deno.test("connections whose handshake is not over are closed with the listener, and handed on to nobody", async () => {
  let peer: Channel | undefined;
  let handed: Handshake[] = [];
  await admitting(({ arrivals, handedOn }) => {
    peer = arrivals.connect("192.0.2.7");
    handed = handedOn;
    return Promise.resolve();
  });
  await hangUp(peer!);
  assertEquals(handed, []);
});
