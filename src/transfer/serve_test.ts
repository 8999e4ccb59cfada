/** A server and its dialers, over loopback, with sides that copy nothing: which peers get a session, and how runs end. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { hello } from "../../tests/helpers/handshake.ts";
import { FakeRun, FakeSide } from "../../tests/helpers/fake_side.ts";
import { RcopyError } from "../base/errors.ts";
import { type Credential, openHandshake, type Verifier } from "../meet/authenticate.ts";
import { sendJoin } from "../meet/handshake.ts";
import type { DialPlan } from "../meet/reach.ts";
import { dialOne } from "../net/dial.ts";
import { listenForPeers, type PeerListener } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import type { Close } from "../wire/closing.ts";
import { type Hello, nothingPlaced } from "../wire/hello.ts";
import { dialSession } from "./dial.ts";
import { Server } from "./serve.ts";
import type { TransferSummary } from "./session/events.ts";

interface Serving {
  run: FakeRun;
  side: FakeSide;
  listener: PeerListener;
  plan: DialPlan;
  ended: Promise<TransferSummary>;
}

/** Runs `body` beside a server; the server is interrupted at the end, unless it has ended. */
async function serving(
  given: { side?: FakeSide; keep?: boolean; verifier?: Verifier; patienceMs?: number },
  body: (it: Serving) => Promise<void>,
): Promise<void> {
  const { side = new FakeSide("sender"), keep = false, verifier, patienceMs } = given;
  using run = new FakeRun(patienceMs === undefined ? {} : { patienceMs });
  const listener = listenForPeers({ port: 0, local: true }, plainTransport);
  const place = { bind: undefined, local: true, transport: plainTransport };
  const ended = new Server({ ...run.options, side, listener, keep, verifier, place }).run();
  ended.catch(() => {}); // Bodies that expect an error await it themselves.
  const plan = { addresses: [{ host: "127.0.0.1", port: listener.port }], transport: plainTransport };
  try {
    await body({ run, side, listener, plan, ended });
  } finally {
    run.stop();
    await ended.catch(() => {});
  }
}

/** One dialer, as a receiver unless told. */
function dial(plan: DialPlan, run: FakeRun, side = new FakeSide("receiver")): Promise<TransferSummary> {
  const dialled = dialSession(side, plan, run.options);
  dialled.catch(() => {});
  return dialled;
}

async function assertFails(
  promise: Promise<unknown>,
  code: RcopyError["code"],
  message = /./,
): Promise<RcopyError> {
  const error = await assertRejects(() => promise, RcopyError);
  assertEquals(error.code, code, error.message);
  assertMatch(error.message, message);
  return error;
}

Deno.test("a session begins with both hellos and a data connection; its receipt ends both runs", () =>
  serving({}, async ({ run, side, plan, ended }) => {
    using peer = new FakeRun();
    const other = new FakeSide("receiver");
    const dialled = dial(plan, peer, other);
    const [here, there] = [await side.session(0), await other.session(0)];
    await Promise.all([here.joined, there.joined]);
    assertEquals([here.peer.role, there.peer.role], ["receiver", "sender"]);
    assertEquals([here.peer.session.length, there.peer.session.length], [0, 16]);
    here.end();
    there.end();
    assertEquals([(await ended).role, (await dialled).role], ["sender", "receiver"]);
    assertEquals([run.told, peer.told], [["connected", "done"], ["connected", "done"]]);
  }));

Deno.test("an end that wants to do the same is refused at both ends, and the next peer is served", () =>
  serving({}, async ({ side, plan, ended }) => {
    using peer = new FakeRun();
    await assertFails(
      dial(plan, peer, new FakeSide("sender")),
      "refused",
      /both ends want to send; run rcopy receive/,
    );
    const dialled = dial(plan, peer);
    (await side.session(0)).end();
    await ended;
    peer.stop();
    await assertRejects(() => dialled);
  }));

Deno.test("a second peer is told that the first is served; with keep it is served too", async () => {
  await serving({}, async ({ side, plan }) => {
    using peer = new FakeRun();
    void dial(plan, peer);
    await (await side.session(0)).joined;
    const error = await assertFails(dial(plan, peer), "busy", /already serves another receiver/);
    assertEquals(error.exitStatus, 4);
    peer.stop();
  });
  await serving({ keep: true }, async ({ run, side, plan }) => {
    using peer = new FakeRun();
    const others = [new FakeSide("receiver"), new FakeSide("receiver")];
    const dialled = others.map((other) => dial(plan, peer, other));
    for (const number of [0, 1]) (await side.session(number)).end();
    for (const other of others) (await other.session(0)).end();
    await Promise.all(dialled);
    // It goes on serving after the receipts.
    const third = new FakeSide("receiver");
    const last = dial(plan, peer, third);
    (await side.session(2)).end();
    (await third.session(0)).end();
    await last;
    assertEquals(run.told.filter((type) => type === "done").length, 3);
  });
});

Deno.test("a peer that was lost may come back, and its session ends the run", () =>
  serving({}, async ({ run, side, plan, ended }) => {
    using peer = new FakeRun();
    void dial(plan, peer);
    (await side.session(0)).end(new RcopyError("peer-lost", "the line was cut"));
    let dialled = dial(plan, peer);
    // The place of the first is free once its session is over.
    while (await Promise.race([side.session(1), dialled.catch(() => "busy")]) === "busy") {
      dialled = dial(plan, peer);
    }
    (await side.session(1)).end();
    await ended;
    assertEquals(run.told, ["connected", "session-lost", "connected", "done"]);
    peer.stop();
  }));

const lost = new RcopyError("peer-lost", "the line was cut");

Deno.test("a dialer that lost its session comes back to its transfer, and no other place is needed for it", () =>
  serving({}, async ({ run, side, plan, ended }) => {
    using peer = new FakeRun();
    const other = new FakeSide("receiver");
    const dialled = dial(plan, peer, other);
    await (await side.session(0)).joined;
    // The listener may not have noticed yet.
    (await other.session(0)).end(lost);
    const [here, there] = [await side.session(1), await other.session(1)];
    await Promise.all([here.joined, there.joined]);
    assertEquals([there.peer.returned, here.peer.returnSecret], [true, there.peer.returnSecret]);
    here.end();
    there.end();
    await Promise.all([ended, dialled]);
    assertEquals(run.told, ["connected", "connected", "done"]);
    assertEquals(peer.told, ["connected", "session-lost", "connected", "done"]);
    const returned = (it: FakeRun) =>
      it.events.filter((event) => event.type === "connected").map((event) => event.returned);
    assertEquals([returned(run), returned(peer)], [[undefined, true], [undefined, true]]);
  }));

Deno.test("a dialer comes back only after a loss, and ends with what it lost when its patience is over", async () => {
  await serving({}, async ({ side, plan }) => {
    using peer = new FakeRun();
    const other = new FakeSide("receiver");
    const dialled = dial(plan, peer, other);
    await (await side.session(0)).joined;
    (await other.session(0)).end(new RcopyError("peer-ended", "it was interrupted"));
    await assertFails(dialled, "peer-ended");
  });
  await serving({}, async ({ side, plan, listener }) => {
    using peer = new FakeRun({ patienceMs: 1 });
    const other = new FakeSide("receiver");
    const dialled = dial(plan, peer, other);
    await (await side.session(0)).joined;
    listener[Symbol.dispose]();
    (await other.session(0)).end(lost);
    await assertFails(
      dialled,
      "peer-lost",
      /the line was cut; no connection again within 1 ms: cannot reach/,
    );
  });
});

Deno.test("a receiver that asks for another session gets it, without patience and without a loss", async () => {
  const again = new RcopyError("again", "a person has answered");
  for (const role of ["sender", "receiver"] as const) {
    const side = new FakeSide(role);
    await serving({ side, patienceMs: 0 }, async ({ run, plan, ended }) => {
      using peer = new FakeRun({ patienceMs: 0 });
      const other = new FakeSide(role === "sender" ? "receiver" : "sender");
      const dialled = dial(plan, peer, other);
      for (const number of [0, 1, 2]) {
        const [here, there] = [await side.session(number), await other.session(number)];
        await Promise.all([here.joined, there.joined]);
        for (const one of [here, there]) one.end(number < 2 ? again : undefined);
      }
      await Promise.all([ended, dialled]);
      for (const { told } of [run, peer]) assertEquals(told, ["connected", "connected", "connected", "done"]);
    });
  }
});

Deno.test("a receiver that asks for ever is not dialled for ever", () =>
  serving({ side: new FakeSide("receiver") }, async ({ side, plan }) => {
    using peer = new FakeRun();
    const other = new FakeSide("sender");
    const dialled = dial(plan, peer, other);
    const again = new RcopyError("again", "a person has answered");
    let sessions = 0;
    const asking = (async () => {
      for (;; sessions++) (await side.session(sessions)).end(again);
    })();
    asking.catch(() => {});
    for (let number = 0; number < 9; number++) (await other.session(number)).end(again);
    await assertFails(dialled, "again");
    assertEquals(sessions <= 9, true);
  }));

Deno.test("an interrupt ends a dialer that waits for its next attempt", () =>
  serving({}, async ({ side, plan, listener }) => {
    using peer = new FakeRun();
    const other = new FakeSide("receiver");
    const dialled = dial(plan, peer, other);
    await (await side.session(0)).joined;
    listener[Symbol.dispose]();
    (await other.session(0)).end(lost);
    while (!peer.told.includes("session-lost")) await new Promise((resolve) => setTimeout(resolve));
    const reason = peer.stop();
    assertEquals(await assertRejects(() => dialled), reason);
  }));

Deno.test("what a newcomer claims to have placed is not believed, whatever secret it shows", async () => {
  const claimed = { ...nothingPlaced, files: 3, bytes: 30, sum: new Uint8Array(16).fill(3) };
  await serving({ keep: true }, async ({ run, side, plan }) => {
    for (const returnSecret of [new Uint8Array(0), crypto.getRandomValues(new Uint8Array(16))]) {
      const answer = await shakeHands(plan, run, { placed: claimed, returnSecret });
      assertEquals(answer.kind === "hello" && [answer.returned, answer.returnSecret.length], [false, 16]);
    }
    for (const number of [0, 1]) assertEquals((await side.session(number)).peer.placed, nothingPlaced);
  });
});

Deno.test("a secret serves as long as its transfer, and what its peer has placed is believed", () =>
  serving({ keep: true }, async ({ run, side, plan }) => {
    const first = await shakeHands(plan, run, {});
    const { returnSecret } = first as Hello;
    const placed = { ...nothingPlaced, files: 3, bytes: 30, sum: new Uint8Array(16).fill(3) };
    const second = await shakeHands(plan, run, { returnSecret, placed });
    assert(second.kind === "hello" && second.returned);
    const session = await side.session(1);
    assertEquals(session.peer.placed, placed);
    session.end();
    while (!run.told.includes("done")) await new Promise((resolve) => setTimeout(resolve));
    const third = await shakeHands(plan, run, { returnSecret, placed });
    assert(third.kind === "hello" && !third.returned);
  }));

/** Opens control as a receiver that says this in its hello, and gives the answer. */
async function shakeHands(plan: DialPlan, run: FakeRun, says: Partial<Hello>): Promise<Hello | Close> {
  const channel = await dialOne(plan.addresses[0]!, {
    transport: plainTransport,
    signal: run.options.signal,
  });
  try {
    return await openHandshake(channel, {
      credential: undefined,
      hello: { ...hello, ...says },
      onPreamble: () => {},
    });
  } finally {
    channel.close();
  }
}

Deno.test("a receiver in a dry run does not end the run of the sender", () => {
  const look = new FakeSide("receiver", () => {}, { dryRun: true });
  return serving({}, async ({ run, side, plan, ended }) => {
    using peer = new FakeRun();
    const looking = dial(plan, peer, look);
    (await side.session(0)).end();
    (await look.session(0)).end();
    await looking;
    const dialled = dial(plan, peer);
    (await side.session(1)).end();
    await ended;
    assertEquals(run.told, ["connected", "done", "connected", "done"]);
    peer.stop();
    await assertRejects(() => dialled);
  });
});

Deno.test("a peer that does not come back in time ends the run with its loss", () =>
  serving({ patienceMs: 1 }, async ({ side, plan, ended }) => {
    using peer = new FakeRun();
    void dial(plan, peer);
    (await side.session(0)).end(new RcopyError("timeout", "silence"));
    await assertFails(ended, "timeout", /silence/);
    peer.stop();
  }));

Deno.test("a session that fails for another reason ends the run, but not with keep", async () => {
  await serving({}, async ({ side, plan, ended }) => {
    using peer = new FakeRun();
    void dial(plan, peer);
    (await side.session(0)).end(new RcopyError("integrity", "the ends disagree"));
    await assertFails(ended, "integrity");
    peer.stop();
  });
  await serving({ keep: true }, async ({ run, side, plan }) => {
    using peer = new FakeRun();
    void dial(plan, peer);
    (await side.session(0)).end(new RcopyError("integrity", "the ends disagree"));
    void dial(plan, peer);
    await (await side.session(1)).joined;
    assert(run.told.includes("session-lost"));
    peer.stop();
  });
});

Deno.test("a side that cannot begin ends the run, and the peer hears why", () => {
  const side = new FakeSide("receiver", () => {
    throw new RcopyError("no-space", "the disk is full");
  });
  return serving({ side }, async ({ plan, ended }) => {
    using peer = new FakeRun();
    await assertFails(dial(plan, peer, new FakeSide("sender")), "no-space", /the disk is full/);
    await assertFails(ended, "no-space");
  });
});

Deno.test("an interrupt ends both ends, each with its reason", () =>
  serving({}, async ({ run, side, plan, ended }) => {
    using peer = new FakeRun();
    const dialled = dial(plan, peer);
    await (await side.session(0)).joined;
    const reasons = [run.stop(), peer.stop()];
    assertEquals([await assertRejects(() => ended), await assertRejects(() => dialled)], reasons);
  }));

/** Joins a session from elsewhere, and waits until that is closed. */
async function joinLate(
  plan: DialPlan,
  signal: AbortSignal,
  session: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const stranger = await dialOne(plan.addresses[0]!, { transport: plainTransport, signal });
  await sendJoin(stranger, { kind: "join", session, lane: 0, token: new Uint8Array(16) });
  const sink = new Uint8Array(1000);
  while (await stranger.read(sink).catch(() => 0) > 0);
  stranger.close();
}

Deno.test("a data connection of an unknown session is closed with a note, one that comes late without", () =>
  serving({ keep: true }, async ({ run, side, plan }) => {
    await joinLate(plan, run.options.signal, new Uint8Array(16));
    using peer = new FakeRun();
    const receivers = new FakeSide("receiver");
    const dialled = dial(plan, peer, receivers);
    const { session } = (await receivers.session(0)).peer;
    for (const end of [side, receivers]) (await end.session(0)).end();
    await dialled;
    while (!run.told.includes("done")) await new Promise((resolve) => setTimeout(resolve, 1));
    await joinLate(plan, run.options.signal, session.slice());
    const notes = run.events.flatMap((event) => event.type === "note" ? [event.message] : []);
    assertEquals(notes.filter((note) => /closed a connection from .*its session/.test(note)).length, 1);
  }));

const secret = crypto.getRandomValues(new Uint8Array(16));
const right: Credential = { method: "ticket", secret };
const wrong: Credential = { method: "ticket", secret: new Uint8Array(16) };

Deno.test("a dialer comes again with its next credential, and learns once that it is let in", () =>
  serving({ verifier: { secret } }, async ({ side, plan }) => {
    using peer = new FakeRun();
    let accepted = 0;
    const onAccepted = () => Promise.resolve(void accepted++);
    void dial({ ...plan, credential: wrong, otherCredentials: [wrong, right], onAccepted }, peer);
    await (await side.session(0)).joined;
    assertEquals(accepted, 1);
    peer.stop();
  }));

Deno.test("a dialer whose credentials are all refused says so, and was never let in", () =>
  serving({ verifier: { secret } }, async ({ plan }) => {
    using peer = new FakeRun();
    const onAccepted = () => Promise.reject(new Error("let in"));
    await assertFails(
      dial({ ...plan, credential: wrong, onAccepted }, peer),
      "refused",
      /secret of the ticket/,
    );
    await assertFails(
      dial({ ...plan, credential: wrong, otherCredentials: [wrong], onAccepted }, peer),
      "refused",
      /none of 2 SSH keys was accepted; of the last: .*secret of the ticket/,
    );
  }));
