import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { plainTransport } from "../../net/transport.ts";
import { tokenBytes } from "../../wire/limits.ts";
import type { LaneOffer } from "../../wire/lanes.ts";
import type { CallCounts } from "../../../tests/helpers/fault_engine.ts";
import { inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { LaneThreads } from "../thread/threads.ts";
import type { LaneHost } from "./host.ts";
import { RequestedLanes, type RequestedLanesOptions } from "./requested.ts";

/** Beyond the processors of any machine: such a lane is moved by the main thread. */
const mainThreadLane = 1000;

interface Place {
  lanes: RequestedLanes;
  /** How many were requested, request by request. */
  requested: number[];
  /** The next lane that the session gets: its number. */
  added: Promise<number>;
  /** Where control went: what connects there is accepted. */
  listener: Deno.TcpListener;
  offer: (change?: Partial<LaneOffer>) => LaneOffer;
  notes: string[];
  calls: CallCounts;
  /** Resolves when it has requested so often. */
  hasRequested: (times: number) => Promise<void>;
}

/** A session with one lane that wants three, all at once. */
async function withRequests(
  body: (place: Place) => Promise<void> | void,
  options: Partial<RequestedLanesOptions> = {},
): Promise<void> {
  await inFolder(async ({ engine, root, calls }) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const added = Promise.withResolvers<number>();
    const requested: number[] = [];
    let changed = Promise.withResolvers<void>();
    const notes: string[] = [];
    const work = { workDone: 0, workLeft: 0, growing: true };
    const host: LaneHost = {
      role: "receiver",
      load: { ...work, busyMs: 0, waitingMs: 0, lanes: 1, roundTripMs: undefined, hasEnded: false },
      root,
      engine,
      addLane(number, connection) {
        connection.close();
        host.load.lanes++;
        added.resolve(number);
      },
      fail: () => {},
      send(message) {
        if (message.kind === "laneRequest") requested.push(message.count);
        changed.resolve();
        changed = Promise.withResolvers();
      },
    };
    const lanes = new RequestedLanes({
      host,
      threads: new LaneThreads({ engine, onNote: () => {} }),
      address: { host: "127.0.0.1", port: listener.addr.port },
      onePort: false,
      transport: plainTransport,
      session: new Uint8Array(16).fill(1),
      streams: { limit: 3, isFixed: true },
      firstLane: 1,
      roundTripMs: 1,
      sharesMachine: true,
      signal: new AbortController().signal,
      onNote: (message) => notes.push(message),
      ...options,
    });
    const hasRequested = async (times: number) => {
      while (requested.length < times) await changed.promise;
    };
    try {
      lanes.begin();
      const token = new Uint8Array(tokenBytes).fill(2);
      const offer = (change = {}): LaneOffer => ({
        kind: "laneOffer",
        lane: mainThreadLane,
        addresses: [],
        token,
        ...change,
      });
      await body({ lanes, requested, added: added.promise, listener, offer, notes, calls, hasRequested });
    } finally {
      lanes.end();
    }
  });
}

/** What comes over a connection until it ends, as numbers. */
async function readAll(connection: Deno.TcpConn): Promise<number[]> {
  const bytes: number[] = [];
  for await (const chunk of connection.readable) bytes.push(...chunk);
  return bytes;
}

Deno.test("RequestedLanes requests a fixed number at once, and opens what is offered with session and token", async () => {
  await withRequests(async ({ lanes, requested, added, listener, offer }) => {
    assertEquals(requested, [2]);
    lanes.onMessage(offer());
    const bytes = await readAll(await listener.accept());
    assertEquals(await added, mainThreadLane);
    assertEquals([
      bytes.filter((byte) => byte === 1).length >= 16,
      bytes.join().includes(Array(16).fill(2).join()),
    ], [
      true,
      true,
    ]);
  });
});

Deno.test("RequestedLanes comes to the port of control when another port does not answer", async () => {
  await withRequests(async ({ lanes, added, listener, offer, notes }) => {
    const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr;
    silent.close();
    lanes.onMessage(offer({ addresses: [{ host: undefined, port }] }));
    await readAll(await listener.accept());
    assertEquals(await added, mainThreadLane);
    assertEquals(
      notes[0]!.startsWith(`a data connection to port ${port} could not be opened: `),
      true,
      notes[0],
    );
  });
});

Deno.test("RequestedLanes takes no more offers than it requested, and no request", async () => {
  await withRequests(async ({ lanes, listener, offer }) => {
    for (let i = 0; i < 2; i++) {
      lanes.onMessage(offer({ lane: mainThreadLane + i }));
      await readAll(await listener.accept());
    }
    for (const message of [offer({ lane: mainThreadLane + 2 }), { kind: "laneRequest", count: 1 } as const]) {
      assertEquals((assertThrows(() => lanes.onMessage(message), RcopyError) as RcopyError).code, "protocol");
    }
  });
});

Deno.test("RequestedLanes takes no number twice, and none of the lanes that the handshake brought", async () => {
  await withRequests(async ({ lanes, listener, offer }) => {
    assertEquals(
      (assertThrows(() => lanes.onMessage(offer({ lane: 0 })), RcopyError) as RcopyError).code,
      "protocol",
    );
    lanes.onMessage(offer());
    await readAll(await listener.accept());
    assertEquals((assertThrows(() => lanes.onMessage(offer()), RcopyError) as RcopyError).code, "protocol");
  });
});

Deno.test("RequestedLanes opens no more than its limit where offers come that it has given up", async () => {
  await withRequests(async ({ lanes, hasRequested, offer, calls }) => {
    await hasRequested(2);
    for (let i = 0; i < 4; i++) lanes.onMessage(offer({ lane: mainThreadLane + i }));
    assertEquals(calls.hasDescriptors, 2, "two and the one that there is are three");
  }, { grantMs: 0 });
});

Deno.test("RequestedLanes opens nothing for a session that has ended", async () => {
  await withRequests(({ lanes, offer, calls }) => {
    lanes.end();
    lanes.onMessage(offer());
    assertEquals(calls.hasDescriptors ?? 0, 0, "it does not even ask whether it could");
  });
});
