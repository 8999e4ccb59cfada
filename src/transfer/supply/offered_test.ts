import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { plainTransport } from "../../net/transport.ts";
import { lanesMax, tokenBytes } from "../../wire/limits.ts";
import type { LaneOffer } from "../../wire/lanes.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { inFolder } from "../../../tests/helpers/transfer_parts.ts";
import type { SessionLoad } from "../session/session_run.ts";
import { LaneThreads } from "../thread/threads.ts";
import type { LaneHost } from "./host.ts";
import { OfferedLanes } from "./offered.ts";

interface Place {
  lanes: OfferedLanes;
  /** Requests so many; gives what is offered. */
  request: (count: number) => LaneOffer[];
  /** A data connection comes to the main port. */
  join: (lane: number, token: Uint8Array) => void;
  load: SessionLoad;
  /** Code of the error that ends the session. */
  failed: Promise<string>;
  /** Numbers of the lanes that the session got. */
  added: number[];
}

async function withOffers(
  { limit = 32, descriptors = Infinity, tokenMs }: { limit?: number; descriptors?: number; tokenMs?: number },
  body: (place: Place) => void | Promise<void>,
): Promise<void> {
  await inFolder(async ({ engine, root }) => {
    const offers: LaneOffer[] = [];
    const added: number[] = [];
    const failed = Promise.withResolvers<string>();
    const work = { workDone: 0, workLeft: 0, growing: true };
    const load = { ...work, busyMs: 0, waitingMs: 0, lanes: 0, roundTripMs: undefined, hasEnded: false };
    const host: LaneHost = {
      role: "sender",
      load,
      root,
      engine: Object.create(engine, {
        hasDescriptors: { value: (_: unknown, count: number) => count <= descriptors },
      }),
      addLane(number, connection) {
        added.push(number);
        connection.close();
      },
      send: (message) => message.kind === "laneOffer" && offers.push(message),
      fail: (error) => failed.resolve(error.code),
    };
    const lanes = new OfferedLanes({
      host,
      threads: new LaneThreads({ engine, onNote: () => {} }),
      bind: undefined,
      local: true,
      transport: plainTransport,
      limit,
      onNote: () => {},
      ...tokenMs === undefined ? {} : { tokenMs },
    });
    await body({
      failed: failed.promise,
      lanes,
      load,
      added,
      request(count) {
        lanes.onMessage({ kind: "laneRequest", count });
        return offers.splice(0);
      },
      join: (lane, token) =>
        lanes.join(memoryChannels()[0], { kind: "join", session: new Uint8Array(16), lane, token }),
    });
    lanes.end();
  });
}

function refused(action: () => void): void {
  assertEquals((assertThrows(action, RcopyError) as RcopyError).code, "refused");
}

Deno.test("OfferedLanes takes a data connection with the token of its lane, once", async () => {
  await withOffers({}, ({ request, join, added }) => {
    const [first, second] = request(2) as [LaneOffer, LaneOffer];
    assertEquals([first.lane, second.lane, first.addresses, first.token.length], [0, 1, [], tokenBytes]);
    refused(() => join(first.lane, second.token));
    join(first.lane, first.token);
    assertEquals(added, [0]);
    refused(() => join(first.lane, first.token));
    refused(() => join(7, second.token));
  });
});

Deno.test("OfferedLanes offers no more than may work at a time, counting what is offered already", async () => {
  await withOffers({ limit: 5 }, ({ request, load, join }) => {
    load.lanes = 1;
    const offers = request(3);
    assertEquals([offers.length, request(9).length, request(1).length], [3, 1, 0]);
    join(offers[0]!.lane, offers[0]!.token);
    assertEquals(request(1).length, 1, "a lane that has come is counted by the session");
  });
});

Deno.test("OfferedLanes offers no more in all than a session may have, however many are lost", async () => {
  await withOffers({ limit: 32 }, ({ request, join }) => {
    let offered = 0;
    for (let offers = request(32); offers.length > 0; offers = request(32)) {
      for (const { lane, token } of offers) join(lane, token);
      offered += offers.length;
    }
    assertEquals(offered, lanesMax);
  });
});

Deno.test("OfferedLanes offers as many as there are descriptors for", async () => {
  await withOffers({ descriptors: 50 }, ({ request }) => assertEquals(request(32).length, 3));
  await withOffers({ descriptors: 47 }, ({ request }) => assertEquals(request(1).length, 0));
});

Deno.test("OfferedLanes offers nothing any more once the session has ended, and forgets its tokens", async () => {
  await withOffers({}, ({ lanes, request, join, load }) => {
    const [{ lane, token }] = request(1) as [LaneOffer];
    load.hasEnded = true;
    assertEquals(request(1), []);
    lanes.end();
    refused(() => join(lane, token));
  });
});

Deno.test("OfferedLanes takes no offer from the peer", async () => {
  await withOffers({}, ({ lanes }) => {
    const offer = { kind: "laneOffer", lane: 0, addresses: [], token: new Uint8Array(tokenBytes) } as const;
    assertEquals((assertThrows(() => lanes.onMessage(offer), RcopyError) as RcopyError).code, "protocol");
  });
});

Deno.test("OfferedLanes ends a session to which no data connection came", async () => {
  await withOffers({ tokenMs: 0 }, async ({ lanes, failed }) => {
    lanes.offer();
    lanes.offer();
    assertEquals(await failed, "timeout");
  });
});

Deno.test("OfferedLanes ends nothing for an offer that nobody uses while another was used", async () => {
  await withOffers({ tokenMs: 0 }, async ({ lanes, join, failed }) => {
    const { lane, token } = lanes.offer();
    join(lane, token);
    const unused = lanes.offer();
    await new Promise((resolve) => setTimeout(resolve, 1)); // behind the timer of the offer
    assertThrows(() => join(unused.lane, unused.token), RcopyError);
    assertEquals(await Promise.race([failed, "goes on"]), "goes on");
  });
});
