/** A receiver that asks for, settles or counts what it must not: rows C of the table in README.md. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { shell } from "../helpers/test_folder.ts";
import type { Values } from "./capnp.ts";
import { HostileReceiver } from "./hostile_receiver.ts";
import { joined, latin1 } from "./hostile_sender.ts";
import { frame, type Kind, rawFrame } from "./messages.ts";
import { openSession, type Places, placesOf, smallSent, withVictim } from "./victim_tree.ts";

/** Tells what to send once the manifest has come; data is read and thrown away meanwhile. */
type Step = (at: Places, peer: HostileReceiver) => Promise<[Kind, Values][]> | [Kind, Values][];

const violations: Record<string, Step> = {
  "C1: a failure that names a path": () => [["failure", {
    code: 24,
    which: 1,
    number: 0,
    component: new TextEncoder().encode("../canary/secret"),
  }]],
  "C2: asking again for what was never sent": (at) => [["resend", { entry: at.d }]],
  "C2: asking again for a link": (at) => [["resend", { entry: at.link }]],
  "C2: asking again for an entry that does not exist": () => [["resend", { entry: 4095 }]],
  "C2: asking again for entry 2^32 - 1": () => [["resend", { entry: 0xffff_ffff }]],
  "C2: asking again in a batch that does not exist": () => [["resend", { batch: 1 }]],
  "C2: asking for an extent past the end": (at) => [["resend", { entry: at.big, extent: 3 }]],
  "C2: asking for extent 2^32 - 1": (at) => [["resend", { entry: at.big, extent: 0xffff_ffff }]],
  "C2: asking a fourth time for a file": async (at, peer) => {
    await smallSent(peer, at.one);
    return new Array(4).fill(["resend", { entry: at.one }]);
  },
  "C2: asking a hundred thousand times for an extent": async (at, peer) => {
    await peer.untilData(({ kind, values }) => kind === "extent" && values.index === 2);
    return new Array(100_000).fill(["resend", { entry: at.big, extent: 1 }]);
  },
  "C2: taking more units than were written": async (at, peer) => {
    await smallSent(peer, at.one);
    return [["taken", { lane: 0, units: 1000 }]];
  },
  "C2: taking more bytes than were written": async (at, peer) => {
    await smallSent(peer, at.one);
    return [["taken", { lane: 0, bytes: 2n ** 40n }]];
  },
  "C2: taking fewer units than before": async (at, peer) => {
    await smallSent(peer, at.one);
    return [["taken", { lane: 0, units: 1 }], ["taken", { lane: 0, units: 0 }]];
  },
  "C2: taking fewer bytes than before": async (at, peer) => {
    await smallSent(peer, at.one);
    return [["taken", { lane: 0, units: 1, bytes: 1 }], ["taken", { lane: 0, units: 1, bytes: 0 }]];
  },
  "C2: taking a unit of a data connection that is none": () => [["taken", { lane: 7, units: 0 }]],
  "C9: a credit of 0": () => [["credit", { bytes: 0 }]],
  "C9: a credit of 2^32 - 1": () => [["credit", { bytes: 0xffff_ffff }]],
  "C9: credits that add up to more than 64 MiB": () => new Array(3).fill(["credit", { bytes: 32 << 20 }]),
  "telling of the destination twice": () => [["destination", {}]],
  "wants after wantsAll": () => [["wants", { all: true }]],
  "settling a batch that does not exist": () => [["batchSettled", { batch: 1 }]],
  "settling a batch twice": (at) =>
    new Array(2).fill(["batchSettled", { failed: Array.from({ length: at.count }, (_, i) => i) }]),
  "settling an entry that does not exist": (at) => [["batchSettled", { failed: [at.count] }]],
  "settling entry 2^32 - 1": () => [["batchSettled", { held: [0xffff_ffff] }]],
  "an entry that failed and is held": (at) => [["batchSettled", { failed: [at.d], held: [at.d] }]],
  "holding a small file": async (at, peer) => {
    await smallSent(peer, at.one);
    return [["batchSettled", { failed: [at.big], held: [at.one] }]];
  },
  "settling entries in no order": (
    at,
  ) => [["batchSettled", { failed: [at.big, at.one].sort((a, b) => b - a) }]],
  "settling a held entry that is not held": (at) => [["heldSettled", {
    batches: [0],
    entries: [at.d],
    failed: [0],
  }]],
  "settling a held entry of another batch": () => [["heldSettled", {
    batches: [0xffff_ffff],
    entries: [0],
    failed: [0],
  }]],
  "settling held entries in columns of different lengths": () => [["heldSettled", {
    batches: [0, 0],
    entries: [1],
    failed: [0],
  }]],
  "a failure of an entry that does not exist": (at) => [["failure", { code: 30, entry: at.count }]],
  "a failure in a batch that does not exist": () => [["failure", { code: 30, number: 4 }]],
  "a failure that is neither by entry nor by name": () => [["failure", { code: 30, which: 2 }]],
  "a second hello": () => [["hello", HostileReceiver.ownHello]],
  "a join on control": () => [["join", { session: new Uint8Array(16), token: new Uint8Array(16) }]],
  "a manifest from the receiver": () => [["manifest", {}]],
  "the end of a manifest from the receiver": () => [["manifestEnd", {}]],
  "an extent on control": () => [["extent", {}]],
  "a bundle on control": () => [["bundle", { entries: [0] }]],
  "the mark of a file from the receiver": (at) => [["fileVerified", {
    entry: at.big,
    hash: new Uint8Array(16),
  }]],
};
Deno.test("a receiver that breaks a rule ends its session, and the next receiver is served", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, step] of Object.entries(violations)) {
      await t.step(what, async () => {
        const code = await victim.attack(async (peer) => {
          const frames = await step(await placesOf(peer), peer);
          await peer.control.write(joined(frames.map(([kind, values]) => frame(kind, values))));
        });
        assertEquals(code, 8);
      });
    }
    const { files } = await victim.serveTruly();
    assertEquals([...files.keys()].sort(), ["big", "d/two", "one"]);
  });
});

Deno.test("C1: no kind of frame that the page does not know is taken for anything", async () => {
  await withVictim(async (victim) => {
    for (const kind of [0, 19, 255, 256, 0x0103, 65_535]) {
      const code = await victim.attack(async (peer) => {
        await placesOf(peer);
        await peer.control.write(rawFrame(kind, frame("ping").slice(16)));
      });
      assertEquals(code, 8, `kind ${kind}`);
    }
  });
});

Deno.test("everything called failed while it is being sent, twenty times over: no fault, and nothing left open", async () => {
  await withVictim(async (victim) => {
    await victim.serveTruly();
    const descriptors = victim.descriptors;
    for (let i = 0; i < 20; i++) {
      const code = await victim.attack(async (peer) => {
        const { count, d, link } = await placesOf(peer);
        const failed = Array.from({ length: count }, (_, i) => i);
        if (i % 2 === 0) await peer.untilData(({ kind }) => kind === "extent");
        await peer.control.send("batchSettled", { failed });
        await peer.control.until("manifestEnd");
        assert(d >= 0 && link >= 0);
        await peer.control.send("receipt", { failed: count, treeSum: new Uint8Array(16) });
      });
      assertEquals(code, 0, "what the receiver counts is what it said");
    }
    await victim.serveTruly();
    assert(victim.descriptors < descriptors + 8, `${victim.descriptors} open, ${descriptors} before`);
  });
});

Deno.test("C6: a receiver that reads nothing is left at the timeout, and its place is free again", async () => {
  await withVictim(async (victim, folder) => {
    await shell('head -c 200M /dev/zero > "$1/a/huge"', folder);
    const before = victim.resident;
    using peer = new HostileReceiver(victim.address);
    assert(await peer.shakeHands({ timeoutMs: 0xffff_ffff }));
    await victim.program.stderrMatch(/sent nothing for 1 s/);
    const grown = victim.resident - before;
    assert(grown < 150 << 20, `${grown} bytes more`);
    peer[Symbol.dispose]();
    // The peer hashes in this thread, and is silent meanwhile: it gets small files only.
    await shell('rm "$1/a/huge" "$1/a/big"', folder);
    await victim.serveTruly();
  }, ["--keep", "--timeout", "1s"]);
});

Deno.test("C8: a hundred thousand failures of one entry, and pings without end, cost no memory and few lines", async () => {
  await withVictim(async (victim) => {
    await victim.serveTruly();
    const before = victim.resident;
    const { peer, draining, at: { big } } = await openSession(victim);
    using _peer = peer;
    // As many as may be without an answer, again and again: each is answered, in order.
    for (let round = 0; round < 1000; round++) {
      const ids = Array.from({ length: 16 }, (_, i) => round * 16 + i);
      await peer.control.write(joined(ids.map((id) => frame("ping", { id }))));
      for (const id of ids) assertEquals((await peer.control.until("pong")).values.id, id);
    }
    const many = joined(new Array(1000).fill(frame("failure", { code: 30, entry: big, text: "again" })));
    for (let i = 0; i < 100; i++) await peer.control.write(many);
    await peer.control.send("resend", { entry: 4095 });
    assertEquals(await peer.control.closeCode(), 8);
    peer[Symbol.dispose]();
    await draining;
    const grown = victim.resident - before;
    assert(grown < 100 << 20, `${grown} bytes more`);
    await victim.serveTruly();
    const { stderr } = await victim.stop();
    assert(stderr.split("\n").length < 100, `${stderr.split("\n").length} lines`);
  });
});

const badHellos: Record<string, Values> = {
  "streams 0": { streams: 0 },
  "streams 33": { streams: 33 },
  "streams 2^31": { streams: 2 ** 31 },
  "timeout 0": { timeoutMs: 0 },
  "time step 0": { mtimeResolutionNs: 0 },
  "credit 0": { creditBytes: 0 },
  "credit 16 KiB - 1": { creditBytes: 16_383 },
  "credit 2^32 - 1": { creditBytes: 0xffff_ffff },
  "batches of 0 entries": { batchEntries: 0 },
  "batches of 4097 entries": { batchEntries: 4097 },
  "role 2": { role: 2 },
  "form 3": { form: 3 },
  "a mode of 01000": { mode: 0o1000 },
  "a time with a whole second of nanoseconds": { mtimeNanos: 1e9 },
  "a name of 256 bytes": { name: new Uint8Array(256).fill(97) },
  "a name of 513 bytes": { software: "x".repeat(513) },
  "33 tokens": { laneTokens: new Uint8Array(33 * 16) },
  "a token and a half": { laneTokens: new Uint8Array(24) },
  "a token, which only the offerer has": { laneTokens: new Uint8Array(16) },
  "a session, which only the offerer names": { session: new Uint8Array(16) },
  "a peer that has returned, which only the offerer says": { returned: true },
  "a form of files, from a receiver": { form: 1 },
  "a name of files, from a receiver": { name: latin1("name") },
  "a mode, from a receiver": { mode: 0o755 },
  "a time, from a receiver": { mtimeSeconds: 1 },
};
Deno.test("C9: a hello out of range is answered by a close that says why", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, different] of Object.entries(badHellos)) {
      await t.step(what, async () => {
        using peer = new HostileReceiver(victim.address);
        const connection = await peer.connect();
        await connection.open("control", "hello", { ...HostileReceiver.ownHello, ...different });
        const answer = await connection.answer("control");
        assertEquals([answer?.kind, answer?.values.code], ["close", 8]);
        assertMatch(
          String(answer?.values.text),
          /out of range|not its to say|claims \d+ elements|which only the end that it connected to does/,
        );
      });
    }
    await victim.serveTruly();
  });
});

Deno.test("C9: a receiver that tells of its destination what cannot be is refused", async (t) => {
  const bad: Record<string, [Values, Values]> = {
    "half a nonce": [{}, { nonce: new Uint8Array(8) }],
    "a nonce without a hash": [{}, { nonce: new Uint8Array(16) }],
    "a hash without a nonce": [{}, { hash: new Uint8Array(16) }],
    "a long hash": [{}, { hash: new Uint8Array(32) }],
    "everything wanted in a dry run": [{ dryRun: true }, { wantsAll: true }],
    "another name for a whole directory": [{}, { name: latin1("other") }],
  };
  await withVictim(async (victim) => {
    for (const [what, [hello, destination]] of Object.entries(bad)) {
      await t.step(what, async () => {
        using peer = new HostileReceiver(victim.address);
        await peer.shakeHands(hello, destination);
        assertEquals(await peer.control.closeCode(), 8);
      });
    }
    await t.step("a name that is no name", async () => {
      using peer = new HostileReceiver(victim.address);
      await peer.shakeHands({}, { name: latin1("../other") });
      assertEquals(await peer.control.closeCode(), 20);
    });
    await victim.serveTruly();
  });
});

Deno.test("C9: a peer's timeout, streams, credit and batch size only narrow what this end does", async () => {
  await withVictim(async (victim) => {
    for (
      const hello of [
        { streams: 32, creditBytes: 64 << 20, timeoutMs: 0xffff_ffff, features: (1n << 64n) - 1n },
        { creditBytes: 16 * 1024, batchEntries: 1 },
      ]
    ) {
      const { files } = await victim.serveTruly(hello);
      assertEquals(files.size, 3);
    }
    // One millisecond is what it asks for; only its own session pays for it.
    using hasty = new HostileReceiver(victim.address);
    await hasty.shakeHands({ timeoutMs: 1 });
    hasty.control.answersPings = false;
    assertEquals(await hasty.control.closeCode(), 14);
    hasty[Symbol.dispose]();
    await victim.serveTruly();
  });
});

Deno.test("C10: joins that know no session, no token or no lane are refused by a close, and the session goes on", async () => {
  await withVictim(async (victim) => {
    using peer = new HostileReceiver(victim.address);
    await peer.shakeHands();
    const guesses: [number, Values][] = [
      [0, {}], // used already
      [0, { token: crypto.getRandomValues(new Uint8Array(16)) }],
      [0, { session: crypto.getRandomValues(new Uint8Array(16)) }],
      [0, { session: new Uint8Array(16), token: new Uint8Array(16) }],
      [0, { lane: 31 }],
      [0, { lane: 0xffff_ffff }],
      [0, { token: new Uint8Array(0) }],
      [0, { session: new Uint8Array(24) }],
    ];
    for (let round = 0; round < 40; round++) {
      for (const [lane, different] of guesses) {
        const connection = await peer.join(lane, different);
        const answer = await connection.answer("data");
        const isWellFormed = [16, undefined].includes((different.token as Uint8Array | undefined)?.length) &&
          different.lane !== 0xffff_ffff && (different.session as Uint8Array | undefined)?.length !== 24;
        assertEquals(
          [answer?.kind, answer?.values.code],
          ["close", isWellFormed ? 10 : 8],
          JSON.stringify(different),
        );
        assertEquals(await connection.read(1), undefined);
        connection[Symbol.dispose]();
      }
    }
    peer[Symbol.dispose]();
    await victim.serveTruly();
  });
});

Deno.test("C11: of a file that shrinks after it was listed no byte leaves, of one that grows those that it had", async () => {
  await withVictim(async (victim, folder) => {
    // What a sender read while it waited for a receiver is of files as they were then, and serves only for those.
    await shell('cd "$1/a" && echo ONE > one && echo TWO > d/two', folder);
    const { peer, draining, at } = await openSession(victim, { wantsAll: false });
    using _peer = peer;
    await shell('cd "$1/a" && truncate -s 1 one && truncate -s 1000 big && echo more >> d/two', folder);
    await peer.control.send("wants", { all: true });
    const failed = new Map<unknown, unknown>();
    const others: string[] = [];
    while (failed.size < 2) {
      const { values } = await peer.control.until("failure", (other) => others.push(other.kind));
      failed.set(values.entry, values.code);
    }
    assertEquals([failed.get(at.one), failed.get(at.big)], [26, 26]);
    const sent = peer.data.flatMap(({ values }) => values.entries ?? [values.entry]);
    assert(!sent.includes(at.one), `entry ${at.one} was sent`);
    assert(!failed.has(at.two), "a file that grew is copied as it was");
    assert(!others.includes("fileVerified"), "a file that changed has no mark");
    peer[Symbol.dispose]();
    await draining;
  });
});

Deno.test("C13: a hundred sessions that ask for everything and hang up leave nothing behind", async () => {
  await withVictim(async (victim) => {
    const ask = async () => {
      using peer = new HostileReceiver(victim.address);
      await peer.shakeHands();
      await peer.control.until("manifest");
    };
    for (let i = 0; i < 20; i++) await ask();
    await victim.serveTruly();
    const [descriptors, resident] = [victim.descriptors, victim.resident];
    for (let i = 0; i < 100; i++) await ask();
    await victim.serveTruly();
    assert(victim.descriptors < descriptors + 8, `${victim.descriptors} open, ${descriptors} before`);
    const grown = victim.resident - resident;
    assert(grown < 100 << 20, `${grown} bytes more`);
  });
});

Deno.test("a receiver that closes with 0, or with a code that nobody knows, is a lost peer", async () => {
  for (const code of [0, 200, 65_535]) {
    await withVictim(async (victim) => {
      await victim.attack(async (peer) => {
        await peer.control.until("manifest");
        await peer.control.send("close", { code, text: "\x1b[2J done" });
        peer[Symbol.dispose]();
      });
      const [line] = await victim.program.stderrMatch(
        code === 0 ? /the peer ended the session without a receipt: .*/ : /the peer ended the session: .*/,
      );
      assertMatch(line, /\\x1b\[2J done/);
      await victim.serveTruly();
    });
  }
});
