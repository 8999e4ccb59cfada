/** Bytes that are no frame, frames in the wrong place, and sessions that break off: rows D of the table in README.md. */
import { assert, assertEquals } from "@std/assert";
import { withSeed } from "../helpers/random.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import type { Connection } from "./connection.ts";
import { HostileReceiver } from "./hostile_receiver.ts";
import { type HostileSender, joined, latin1, manifestOf } from "./hostile_sender.ts";
import { frame, preamble, rawFrame } from "./messages.ts";
import { attackReceiver, Victim } from "./sessions.ts";
import { xxh3 } from "./xxh3.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const ping = frame("ping");
const message = ping.slice(16);

/** No frame at all, whichever connection it arrives on. */
const noFrames: Record<string, Uint8Array<ArrayBuffer>> = {
  "D2: a message of 0 bytes": rawFrame(14, new Uint8Array(0)),
  "D2: a message of 8 bytes": rawFrame(14, message.slice(0, 8)),
  "D2: a message of 15 bytes": rawFrame(14, message.slice(0, 15)),
  "D2: a message of 20 bytes": rawFrame(14, new Uint8Array(20)),
  "D2: a message of 256 KiB + 8": rawFrame(14, new Uint8Array(256 * 1024 + 8)),
  "D2: a message that claims 2^32 - 1 bytes": rawFrame(14, message, undefined, { messageBytes: 0xffff_ffff }),
  "D2: a message that claims 2^32 - 8 bytes": rawFrame(14, message, undefined, { messageBytes: 0xffff_fff8 }),
  "D2: a payload of 2^32 - 1 bytes": rawFrame(14, message, undefined, { payloadBytes: 0xffff_ffff }),
  "D2: a ping with a payload": rawFrame(14, message, new Uint8Array(8)),
  "D2: reserved bits": rawFrame(14, message, undefined, { reserved: 1 }),
  "D2: a wrong checksum": rawFrame(14, message, undefined, { crcFlip: 1 }),
  "D2: kind 0": rawFrame(0, message),
  "D2: kind 19": rawFrame(19, message),
  "D3: 2^32 segments": rawFrame(14, hex("ff ff ff ff 01 00 00 00 00 00 00 00 00 00 00 00")),
  "D3: two segments": rawFrame(14, hex("01 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00")),
  "D4: a segment of 32 GiB": rawFrame(14, hex("00 00 00 00 ff ff ff ff 00 00 00 00 00 00 00 00")),
  "D4: a segment that is shorter than its message": rawFrame(
    14,
    hex("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
  ),
};
/** Frames whose message is what D5 to D7 are about. Kind 11 has lists and comes from receivers, 3 comes from senders. */
const traps: Record<string, Uint8Array<ArrayBuffer>> = {
  "D5: 2^29 - 1 elements without a size": hex("00000000 02000000 0000000000000100 01000000f8ffffff"),
  "D6: 2^29 - 1 structs without a size": hex(
    "00000000 03000000 0000000000000100 0100000007000000 fcffff7f00000000",
  ),
  "D7: a pointer to itself": hex("00000000 02000000 0000000000000100 fcffffff00000100"),
  "a list past the end": hex("00000000 02000000 0000000000000100 010000000c010000"),
  "a list before the start": hex("00000000 02000000 0000000000000100 01ffffff 0c000000"),
  "a list of 2^29 - 1 numbers": hex("00000000 02000000 0000000000000100 01000000fcffffff"),
  "a far pointer": hex("00000000 02000000 0000000000000100 0200000000000000"),
  "a capability": hex("00000000 02000000 0000000000000100 0300000000000000"),
  "a root past the end": hex("00000000 01000000 f0ffff7f ffffffff"),
  "a list as root": hex("00000000 01000000 01000000 0c000000"),
};

/** What a sender gets wrong on control or on its data connection. */
const fromSender: Record<string, (peer: HostileSender) => Promise<unknown>> = {
  "D10: a hello again": (peer) => peer.control.send("hello", peer.ownHello(1)),
  "D10: a join on control": (peer) => peer.control.send("join"),
  "D10: an extent on control": (peer) => peer.control.send("extent"),
  "D10: a bundle on control": (peer) => peer.control.send("bundle", { entries: [0] }),
  "D10: a piece on control": (peer) => peer.control.send("piece"),
  "D10: hashes on control": (peer) => peer.control.send("hashes", { hashes: new Uint8Array(16) }),
  "D10: the mark of a file on a data connection": (peer) =>
    peer.lanes[0]!.send("fileVerified", { hash: new Uint8Array(16) }),
  "D10: credit from a sender": (peer) => peer.control.send("credit", { bytes: 1 }),
  "D10: wants from a sender": (peer) => peer.control.send("wants", { all: true }),
  "D10: a settlement from a sender": (peer) => peer.control.send("batchSettled"),
  "D10: a receipt from a sender": (peer) => peer.control.send("receipt", { treeSum: new Uint8Array(16) }),
  "D10: a resend from a sender": (peer) => peer.control.send("resend"),
  "D10: a proof outside of TLS": (peer) => peer.control.send("authProof", { secret: new Uint8Array(16) }),
  "D10: a ping on a data connection": (peer) => peer.lanes[0]!.send("ping"),
  "D10: a manifest on a data connection": (peer) => peer.lanes[0]!.send("manifest", manifestOf(0, [])),
  "D10: a pong that answers nothing": (peer) => peer.control.send("pong", { id: 0 }),
  "D10: a pong on a data connection": (peer) => peer.lanes[0]!.send("pong"),
  "D10: units taken by a sender": (peer) => peer.control.send("taken", { lane: 0, units: 1 }),
  "D10: a manifest after its end": async (peer) => {
    await peer.announce([{ name: "a" }]);
    await peer.control.send("manifest", manifestOf(1, [{ name: "b" }]));
  },
  "D10: the end twice": async (peer) => {
    await peer.announce([{ name: "a" }]);
    await peer.end([{ name: "a" }]);
  },
  "D10: batch 1 before batch 0": (peer) => peer.control.send("manifest", manifestOf(1, [{ name: "a" }])),
  "D10: batch 0 twice": async (peer) => {
    await peer.control.send("manifest", manifestOf(0, [{ name: "a" }]));
    await peer.control.send("manifest", manifestOf(0, [{ name: "b" }]));
  },
  "D10: a group in a directory that nobody announced": (peer) => peer.announce([{ name: "a", in: 5 }]),
  "D10: a group in directory 2^32 - 1": (peer) => peer.announce([{ name: "a", in: 0xffff_ffff }]),
  "D10: a group in a closed directory": async (peer) => {
    await peer.control.send("manifest", manifestOf(0, [{ name: "d", kind: 2 }], [1]));
    await peer.control.send("manifest", manifestOf(1, [{ name: "a", in: 1 }]));
  },
  "D10: closing a directory twice": (peer) =>
    peer.control.send("manifest", manifestOf(0, [{ name: "d", kind: 2 }], [1, 1])),
  "D10: closing a directory that nobody announced": (peer) =>
    peer.control.send("manifest", manifestOf(0, [{ name: "d", kind: 2 }], [2])),
  "D10: a manifest that leaves its directories open": async (peer) => {
    await peer.control.send("manifest", manifestOf(0, [{ name: "d", kind: 2 }]));
    await peer.end([{ name: "d", kind: 2 }]);
  },
  "D10: columns of different lengths": (peer) =>
    peer.announce([{ name: "a" }, { name: "b" }], { modes: [0o644] }),
  "D10: an empty group": (peer) =>
    peer.announce([{ name: "a" }], { groupDirectories: [0, 0], groupCounts: [1, 0] }),
  "D10: groups of more entries than there are": (peer) =>
    peer.announce([{ name: "a" }], { groupCounts: [2] }),
  "D10: groups whose sum wraps around": (peer) =>
    peer.announce([{ name: "a" }], { groupDirectories: [0, 0], groupCounts: [0xffff_ffff, 2] }),
  "D10: more names than entries": (peer) => peer.announce([{ name: "a" }], { names: latin1("a\0b\0") }),
  "D10: a name without its end": (peer) => peer.announce([{ name: "a" }], { names: latin1("a") }),
  "D10: a link without a text": (peer) =>
    peer.announce([{ name: "l", kind: 3, link: "x" }], { linkTargets: new Uint8Array(0) }),
  "D10: a text without a link": (peer) => peer.announce([{ name: "a" }], { linkTargets: latin1("x\0") }),
  "D10: a directory with a size": (peer) => peer.announce([{ name: "d", kind: 2, size: 1 }]),
  "D10: more entries than a batch may have": (peer) =>
    peer.announce(Array.from({ length: 4097 }, (_, i) => ({ name: `f${i}` }))),
  "D10: a manifest that is larger than its credit": async (peer) => {
    const name = "n".repeat(55);
    for (let batch = 0; batch < 2000; batch++) {
      const entries = Array.from({ length: 2000 }, (_, i) => ({ name: `${name}${batch * 2000 + i}` }));
      if (!await peer.control.send("manifest", manifestOf(batch, entries))) break;
    }
  },
};
for (const [what, bytes] of Object.entries(noFrames)) {
  fromSender[`${what} on control`] = (peer) => peer.control.write(bytes);
  fromSender[`${what} on a data connection`] = (peer) => peer.lanes[0]!.write(bytes);
}
for (const [what, bytes] of Object.entries(traps)) {
  fromSender[`${what} as a manifest`] = (peer) => peer.control.write(rawFrame(3, bytes));
  fromSender[`${what} as a bundle`] = (peer) => peer.lanes[0]!.write(rawFrame(8, bytes));
}
for (const [what, send] of Object.entries(fromSender)) {
  Deno.test(`${what} ends a receiver's session`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await send(peer);
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

/** What a listener may answer that is no hello. */
const noHello: Record<string, [Uint8Array<ArrayBuffer>[], number]> = {
  "HTTP": [[latin1("HTTP/1.1 400 Bad Request\r\n\r\n")], 3],
  "SSH": [[latin1("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")], 3],
  "a TLS alert": [[hex("15 03 03 00 02 02 28"), new Uint8Array(9)], 3],
  "a preamble for data": [[preamble("data"), frame("hello")], 3],
  "a version that is too new": [[preamble("control", 2, 9), frame("hello")], 3],
  "version 0": [[preamble("control", 0, 0), frame("hello")], 3],
  "a manifest": [[preamble("control"), frame("manifest", manifestOf(0, [{ name: "a" }]))], 3],
  "a hello of a receiver": [[preamble("control"), frame("hello", HostileReceiver.ownHello)], 3],
  "a hello without tokens": [[
    preamble("control"),
    frame("hello", { streams: 1, timeoutMs: 1, mtimeResolutionNs: 1, session: new Uint8Array(16) }),
  ], 3],
  "a hello without a session": [[
    preamble("control"),
    frame("hello", { streams: 1, timeoutMs: 1, mtimeResolutionNs: 1, laneTokens: new Uint8Array(16) }),
  ], 3],
  "more tokens than asked for": [[
    preamble("control"),
    frame("hello", {
      streams: 32,
      timeoutMs: 1,
      mtimeResolutionNs: 1,
      session: new Uint8Array(16),
      laneTokens: new Uint8Array(33 * 16),
    }),
  ], 3],
  "a message of 4 KiB + 8": [[preamble("control"), rawFrame(1, new Uint8Array(4104))], 3],
  "half a preamble": [[preamble("control").slice(0, 7)], 4],
  "nothing": [[], 4],
};
for (const [what, [bytes, status]] of Object.entries(noHello)) {
  Deno.test(`D1: ${what} in answer to a hello ends the receiver with ${status}, and nothing was made`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.hear();
      await peer.control.write(joined(bytes));
      await peer.control.endWriting();
    });
    assertEquals(reception.status, status, reception.stderr);
  });
}

Deno.test("frames that are none end a sender's session, and the next receiver is served", async (t) => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/one"', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    const attacks = { ...noFrames };
    for (const [what, bytes] of Object.entries(traps)) {
      attacks[`${what} as a settlement`] = rawFrame(11, bytes);
    }
    for (const kind of ["authProof", "authStart", "laneOffer"] as const) attacks[kind] = frame(kind);
    attacks["a request for 0 data connections"] = frame("laneRequest", { count: 0 });
    attacks["a request for 33 data connections"] = frame("laneRequest", { count: 33 });
    attacks["content taken of a lane that is none"] = frame("taken", { lane: 0xffff_ffff });
    attacks["content taken of a lane that was never opened"] = frame("taken", { lane: 31, units: 0 });
    attacks["a pong that answers nothing"] = frame("pong", { id: 0 });
    for (const [what, bytes] of Object.entries(attacks)) {
      await t.step(what, async () => {
        assertEquals(await victim.attack(async (peer) => void await peer.control.write(bytes)), 8);
      });
    }
    await victim.serveTruly();
    await victim.stop();
  });
});

Deno.test("H20: nothing that comes before the handshake is over is believed; behind a preamble a close says why", async (t) => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/one"', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    const hello = frame("hello", HostileReceiver.ownHello);
    const asSender = { role: 0, creditBytes: 0, batchEntries: 0 };
    /** What is written, and the code of the close that answers; `undefined` for no answer at all. */
    const handshakes: Record<string, [Uint8Array<ArrayBuffer>[], number | undefined]> = {
      "wants before a hello": [[preamble("control"), frame("wants", { all: true })], 8],
      "a hello on a data connection": [[preamble("data"), hello], 8],
      "a join on control": [[preamble("control"), frame("join")], 8],
      "a hello of a sender": [
        [preamble("control"), frame("hello", { ...HostileReceiver.ownHello, ...asSender })],
        10,
      ],
      "a version that is too new": [[preamble("control", 2, 3), hello], 9],
      "a version that is too new, for data": [[preamble("data", 2, 3), frame("join")], 9],
      "version 0 as the lowest": [[preamble("control", 0, 1), hello], undefined],
      "a hello of 4 KiB and more": [[preamble("control"), rawFrame(1, new Uint8Array(4104))], 8],
      "a frame of a kind that is none": [[preamble("control"), rawFrame(99, hello.slice(16))], 8],
      "a damaged hello": [[preamble("control"), rawFrame(1, hello.slice(16), undefined, { crcFlip: 1 })], 8],
      "a proof of kinds that TLS has": [[preamble("control"), frame("authStart")], 8],
      "a hello without a preamble": [[hello], undefined],
      "a preamble for 3": [[preamble("control").map((byte, i) => i === 12 ? 3 : byte)], undefined],
      "a preamble with set bits": [[preamble("control").map((byte, i) => i === 15 ? 1 : byte)], undefined],
      "versions upside down": [[preamble("control", 1, 0), hello], undefined],
    };
    for (const [what, [bytes, code]] of Object.entries(handshakes)) {
      await t.step(what, async () => {
        using peer = new HostileReceiver(victim.address);
        const connection = await peer.connect();
        await connection.write(joined(bytes));
        if (code !== undefined) {
          const answer = await connection.answer(bytes[0]![12] === 2 ? "data" : "control");
          assertEquals([answer?.kind, answer?.values.code], ["close", code]);
          assert(answer?.values.text !== "", "it says why");
        }
        assertEquals(await connection.read(1), undefined, "nothing else comes");
      });
    }
    await victim.serveTruly();
    await victim.stop();
  });
});

Deno.test("a receiver that writes to a data connection behind its join ends the session", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 30M /dev/zero > "$1/a/large"', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    for (const bytes of [frame("ping"), frame("joined"), Uint8Array.of(0)]) {
      const code = await victim.attack(async (peer) => void await peer.lanes[0]!.write(bytes));
      assertEquals(code, 8);
    }
    await victim.serveTruly();
    await victim.stop();
  });
});

/** What a sender may answer to a join that is no acceptance, and the status of the receiver. */
const noJoined: Record<string, [Uint8Array<ArrayBuffer>, number]> = {
  "nothing but its end": [new Uint8Array(0), 4],
  "half a preamble": [preamble("data").slice(0, 9), 4],
  "a refusal": [joined([preamble("data"), frame("close", { code: 10, text: "no" })]), 4],
  "a preamble for control": [joined([preamble("control"), frame("joined")]), 3],
  "content without an answer": [frame("bundle", { entries: [0] }), 3],
  "content in place of an answer": [joined([preamble("data"), rawFrame(8, new Uint8Array(24))]), 3],
  "a hello": [
    joined([preamble("data"), frame("hello", { streams: 1, timeoutMs: 1, mtimeResolutionNs: 1 })]),
    3,
  ],
  "a version that is too new": [joined([preamble("data", 2, 3), frame("joined")]), 3],
};
for (const [what, [bytes, status]] of Object.entries(noJoined)) {
  Deno.test(`a join that is answered by ${what} ends the receiver with ${status}`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.hear();
      const answer = { ...peer.ownHello(1), session: new Uint8Array(16), laneTokens: new Uint8Array(16) };
      await peer.control.write(joined([preamble("control"), frame("hello", answer)]));
      const lane = await peer.accept();
      await lane.write(bytes);
      await lane.endWriting();
    });
    assertEquals(reception.status, status, reception.stderr);
  });
}

/** All that a hostile sender would write on control and on data of a small, sound session. */
function soundSession(): { control: Uint8Array<ArrayBuffer>; data: Uint8Array<ArrayBuffer> } {
  const entries = [{ name: "d", kind: 2 }, { name: "a", size: 10 }, { name: "b", in: 1, size: 3 }];
  const contents = [latin1("0123456789"), latin1("abc")];
  const hashes = joined(contents.map(xxh3));
  return {
    control: joined([
      frame("manifest", manifestOf(0, entries, [1, 0])),
      frame("manifestEnd", { batches: 1, entries: 3, bytes: 13 }),
      frame("ping"),
    ]),
    data: joined([
      frame("bundle", { batch: 0, entries: [1, 2] }, joined(contents)),
      frame("hashes", { hashes }),
    ]),
  };
}

Deno.test("D11: a session that is cut at any byte is never a success, and leaves only whole files", async () => {
  await withSeed(async (random) => {
    for (let cut = 0; cut < 24; cut++) {
      const where = random();
      const ofData = cut % 2 === 0;
      const reception = await attackReceiver(async (peer) => {
        await peer.shakeHands();
        const { control, data } = soundSession();
        const whole = ofData ? data : control;
        const end = Math.floor(where * (cut < 20 ? whole.length : 17)); // the last four within the first header
        await peer.control.write(ofData ? control : control.slice(0, end));
        await peer.lanes[0]!.write(ofData ? data.slice(0, end) : data);
        peer.hangUp();
      }, {
        after: async (folder) => {
          const script = 'cd "$1/target" 2>/dev/null || exit 0; ' +
            'for f in $(find . -type f ! -path "./.rcopy-*"); do cat "$f"; echo; done';
          for (const content of (await shell(script, folder)).split("\n").filter((line) => line !== "")) {
            assert(["0123456789", "abc"].includes(content), `"${content}" is not whole`);
          }
        },
      });
      assertEquals(reception.status, 4, `cut ${cut}: ${reception.stderr}`);
    }
  });
});

Deno.test("D11: truncation right after the last byte, before the close, is a lost peer and no success", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    const { control, data } = soundSession();
    await peer.control.write(control);
    await peer.lanes[0]!.write(data);
    await peer.control.until("receipt");
    peer.hangUp();
  });
  assertEquals(reception.status, 4, reception.stderr);
});

Deno.test("D11: a receiver that breaks off at every byte of its words is a lost peer, and the next is served", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/one"', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    const hello = joined([preamble("control"), frame("hello", HostileReceiver.ownHello)]);
    for (let end = 0; end <= hello.length; end++) {
      using peer = new HostileReceiver(victim.address);
      const connection = await peer.connect();
      await connection.write(hello.slice(0, end));
      await connection.endWriting();
      await connection.read(1); // the program is through with it
    }
    const words = joined([
      frame("batchSettled", { batch: 0 }),
      frame("credit", { bytes: 100 }),
      frame("receipt", { files: 1, bytes: 2, treeSum: new Uint8Array(16) }),
    ]);
    for (let end = 0; end < words.length; end += 3) {
      using peer = new HostileReceiver(victim.address);
      await peer.shakeHands();
      await peer.lanes[0]!.next();
      await peer.control.write(words.slice(0, end));
    }
    await victim.serveTruly();
    const { stderr } = await victim.stop();
    assertEquals(stderr.match(/^rcopy: 127\.0\.0\.1:\d+: sent /gm)?.length, 1, stderr);
  });
});

Deno.test("D14: all frames in one segment, or a byte in each, make no difference", async () => {
  for (const step of [1, 7, 1 << 20]) {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      const { control, data } = soundSession();
      const pour = async (connection: Connection, bytes: Uint8Array) => {
        for (let at = 0; at < bytes.length; at += step) await connection.write(bytes.slice(at, at + step));
      };
      await Promise.all([pour(peer.lanes[0]!, data), pour(peer.control, control)]);
      await peer.conclude();
    }, {
      after: async (folder) =>
        assertEquals(await shell('cat "$1/target/a" "$1/target/d/b"', folder), "0123456789abc"),
    });
    assertEquals(reception.status, 0, reception.stderr);
  }
});
