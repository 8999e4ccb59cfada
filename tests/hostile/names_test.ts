/** A sender that names what it must not, or names it twice: rows A of the table in README.md. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { shell, testEngines } from "../helpers/test_folder.ts";
import { type Entry, latin1, manifestOf } from "./hostile_sender.ts";
import { attackReceiver, type Reception } from "./sessions.ts";

/** Every one of these is a violation; the close says so with 8, or 20 for a name. */
function assertRefused(reception: Reception, code = 8): void {
  assertEquals([reception.status, reception.code], [3, code], reception.stderr);
}

/** Nothing that the batch brought has been placed: neither its harmless file, nor anything else. */
async function assertNothingPlaced(folder: string): Promise<void> {
  assertEquals(await shell('cd "$1/target" && find . -mindepth 1', folder), "");
}

const unsafe: Record<string, string> = {
  "../pwn": "A1",
  "a/../../pwn": "A1",
  "..": "A1",
  "a/..": "A1",
  "./a": "A1",
  "a//b": "A1",
  "a/": "A1",
  "": "A1",
  ".": "A1",
  "/etc/x": "A2",
  ["n".repeat(256)]: "too long",
};
for (const [turn, [name, row]] of Object.entries(unsafe).entries()) {
  const shown = name.length > 20 ? `${name.length} bytes` : JSON.stringify(name);
  testEngines(
    `${row}: a name that is ${shown} ends the session before any effect of its batch`,
    async (io) => {
      for (const kind of [1, 2, 3]) {
        assertRefused(
          await attackReceiver(async (peer) => {
            await peer.shakeHands();
            await peer.announce([{ name: "harmless" }, { name, kind, link: "x" }]);
          }, { io, after: assertNothingPlaced }),
          20,
        );
      }
    },
    { turn },
  );
}

Deno.test("A2: a NUL inside a name is the end of that name, and the columns no longer agree", async () => {
  const announce = (entries: Entry[]) =>
    attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce(entries);
    }, { after: assertNothingPlaced });
  assertRefused(await announce([{ name: "harmless" }, { name: "a\0b" }]));
});

testEngines("A2: what only other systems take for a path is a name like any other", async (io) => {
  const names = ["C:\\x", "\\\\server\\share", "a\\b", "CON", "~", "-rf", "a:b", "..."];
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(names.map((name) => ({ name, size: 1 })));
    await peer.bundle(names.map((_, i) => i), names.map(() => latin1("x")));
    await peer.conclude();
  }, {
    io,
    after: async (folder) => {
      const listed = [...Deno.readDirSync(`${folder}/target`)].map(({ name }) => name).sort();
      assertEquals(listed, names.toSorted());
      assertEquals(await shell('find "$1/target" -type f -exec cat {} +', folder), "x".repeat(names.length));
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

testEngines("A3: a link, and then a file inside it: there is no such directory to name", async (io) => {
  // Only an entry of kind 2 has a number, so that the file can only claim a number that nobody has.
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "d", kind: 3, link: "../canary" }, { in: 1, name: "x", size: 1 }]);
  }, { io, after: assertNothingPlaced });
  assertRefused(reception);
});

const twice: Record<string, Entry[]> = {
  "a file and a link": [{ name: "a" }, { name: "a", kind: 3, link: "x" }],
  "a directory and a file": [{ name: "a", kind: 2 }, { name: "a" }],
  "a link and a directory": [{ name: "a", kind: 3, link: "../canary" }, { name: "a", kind: 2 }],
  "two files": [{ name: "a" }, { name: "a" }],
};
for (const [turn, [what, entries]] of Object.entries(twice).entries()) {
  const body = async (io: "deno" | "uring") => {
    assertRefused(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "harmless" }, ...entries]);
      }, { io, after: assertNothingPlaced }),
    );
  };
  testEngines(`A4: ${what} of one name end the session before any effect`, body, { turn });
}

Deno.test("A4: a name that comes again in a later batch ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.control.send("manifest", manifestOf(0, [{ name: "d", kind: 2 }, { name: "a", in: 1 }]));
    await peer.control.send("manifest", manifestOf(1, [{ name: "a", in: 1, kind: 3, link: "../../canary" }]));
  });
  assertRefused(reception);
});

testEngines("A6: link texts are stored as they are, and nobody follows them", async (io) => {
  const links = ["/etc/passwd", "../../x", "ok/../../x", "first/x", "first", "\x1b[2J"];
  const entries = [
    { name: "first", kind: 3, link: "../canary" },
    ...links.map((link, i) => ({ name: `link${i}`, kind: 3, link })),
  ];
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(entries);
    await peer.conclude();
  }, {
    io,
    after: async (folder) => {
      for (const { name, link } of entries) {
        assertEquals(await Deno.readLink(`${folder}/target/${name}`), link);
      }
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

for (const link of ["", "x".repeat(4096)]) {
  Deno.test(`A6: a link text of ${link.length} bytes ends the session`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce([{ name: "harmless" }, { name: "l", kind: 3, link }]);
    }, { after: assertNothingPlaced });
    assertRefused(reception);
  });
}

testEngines("A7: a link that is there before stands in for no directory and for no file", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "d", kind: 2 }, { name: "f", size: 6 }, { name: "secret", in: 1, size: 6 }]);
    if (peer.destination.wantsAll !== true) await peer.control.until("wants");
    await peer.bundle([1], [latin1("pwned!")]);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [1n, 2n]);
  }, {
    io,
    prepare: (folder) =>
      shell(
        'mkdir "$1/target" && ln -s ../canary "$1/target/d" && ln -s ../canary/secret "$1/target/f"',
        folder,
      ).then(() => {}),
    after: async (folder) => {
      assertEquals(
        await shell('cd "$1/target" && readlink d && cat f && test ! -L f', folder),
        "../canary\npwned!",
      );
    },
  });
  assertEquals(reception.status, 23, reception.stderr);
});

for (const kind of [0, 4, 5, 6, 255]) {
  Deno.test(`A10: an entry of kind ${kind} (device, FIFO, socket) cannot be said`, async () => {
    assertRefused(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "harmless" }, { name: "x", kind }]);
      }, { after: assertNothingPlaced }),
    );
  });
}

for (const [turn, mode] of [0o20666, 0o10644, 0o140777, 0o6755, 0o4755, 0o1777, 0o1000, 0xffff].entries()) {
  Deno.test(`A10, A11: mode 0${mode.toString(8)} ends the session: there are only permission bits`, async () => {
    const kind = 1 + turn % 2; // a file or a directory
    assertRefused(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "harmless" }, { name: "x", kind, mode }]);
      }, { after: assertNothingPlaced }),
    );
  });
}

testEngines("A14: a file that is there stays whole when its successor never arrives whole", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    const entries = [{ name: "a", size: 5 << 20 }, { name: "b", size: 4 }];
    await peer.announce(entries);
    await peer.control.until("wants");
    await peer.extent({ entry: 0, index: 0 }, new Uint8Array(4 << 20));
    await peer.bundle([1], [latin1("new!")], { hashes: new Uint8Array(16) });
    await peer.control.until("resend");
    peer.hangUp();
  }, {
    io,
    prepare: (folder) =>
      shell('mkdir "$1/target" && echo old > "$1/target/a" && echo old > "$1/target/b"', folder).then(
        () => {},
      ),
    after: async (folder) => assertEquals(await shell('cd "$1/target" && cat a b', folder), "old\nold\n"),
  });
  assertEquals(reception.status, 4, reception.stderr);
});

/** Bytes that move a cursor, hide text or reach a clipboard. */
const escapes = [
  "\x1b[1A\rok",
  "\x9b2J",
  "\xc2\x9b",
  "\n",
  "\xe2\x80\xae",
  "\x1b]52;c;A\x07",
  "\x7f",
  "\xe2\x81\xa6x",
];
// deno-lint-ignore no-control-regex
const raw = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

for (const json of [false, true]) {
  Deno.test(`A15: names that a terminal would obey are shown escaped${json ? " in events" : ""}`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce(escapes.map((name) => ({ name: `${name}+` })));
      for (const entry of escapes.keys()) {
        await peer.control.send("failure", { code: 26, number: 0, entry, text: "gone" });
      }
      const receipt = await peer.conclude();
      assertEquals(receipt.failed, BigInt(escapes.length));
    }, { receive: json ? ["--json"] : ["--log-level", "debug"] });
    // The portable engine cannot spell those that are not UTF-8.
    assert([23, 24].includes(reception.status), reception.stderr);
    const said = reception.stdout + reception.stderr;
    assert(!raw.test(said), JSON.stringify(said));
    assertStringIncludes(said, json ? "\\\\x1b" : "\\x1b");
    if (json) { for (const line of reception.stdout.trim().split("\n")) JSON.parse(line); }
    else assertEquals(said.split("\n").filter((line) => /not copied/.test(line)).length, escapes.length);
  });
}

Deno.test("A16: a text of the peer is shown escaped and labelled, a longer one than allowed ends the session", async () => {
  const close = (text: string) =>
    attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.control.send("close", { code: 10, text });
    });
  const { status, stderr } = await close("\x1b[2J".repeat(128));
  assertEquals(status, 3, stderr);
  assertMatch(stderr, /the peer ended the session: .*\\x1b\[2J/);
  assert(!raw.test(stderr) && stderr.length < 4096, JSON.stringify(stderr));
  const long = await close("\x1b[2J".repeat(129));
  assertRefused(long);
  assert(!raw.test(long.stderr) && long.stderr.length < 4096, JSON.stringify(long.stderr));
  assertRefused(await close("\x1b[2J".repeat(50_000)));
});

testEngines("A18: names that differ by case or normalisation stay apart", async (io) => {
  const names = ["A", "a", "\xc3\xa9", "e\xcc\x81", "\xc3\x9f", "ss"];
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(names.map((name) => ({ name, size: 1 })));
    await peer.bundle(names.map((_, i) => i), names.map((_, i) => latin1(`${i}`)));
    await peer.conclude();
  }, {
    io,
    after: async (folder) =>
      assertEquals(await shell('cat "$1"/target/* | wc -c', folder), `${names.length}\n`),
  });
  assertEquals(reception.status, 0, reception.stderr);
});

const badTimes: Record<string, Partial<Entry>> = {
  "-2^63 seconds": { seconds: -(1n << 63n) },
  "2^63 - 1 seconds": { seconds: (1n << 63n) - 1n },
  "2^53 seconds": { seconds: 1n << 53n },
  "10^9 nanoseconds": { nanos: 1_000_000_000 },
};
for (const [what, time] of Object.entries(badTimes)) {
  Deno.test(`A22: a time of ${what} ends the session`, async () => {
    assertRefused(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "harmless" }, { name: "x", ...time }]);
      }, { after: assertNothingPlaced }),
    );
  });
}

testEngines("A22: times of any year that the wire can say do not stop anything", async (io) => {
  const seconds = [-2_177_452_800, -1, 0, 4_294_967_296, 16_725_225_600, -(2 ** 53) + 1, 2 ** 53 - 1];
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([
      ...seconds.map((seconds, i) => ({ name: `f${i}`, size: 1, seconds, nanos: 999_999_999 })),
      ...seconds.map((seconds, i) => ({ name: `d${i}`, kind: 2, seconds })),
    ]);
    await peer.bundle(seconds.map((_, i) => i), seconds.map(() => latin1("x")));
    await peer.conclude();
  }, { io });
  // A time that the file system cannot keep may fail its own entry, and no other.
  assert([0, 23].includes(reception.status), reception.stderr);
  for (const name of ["f0", "f1", "f2", "f3", "d0", "d1", "d2", "d3"]) {
    assert(!reception.stderr.includes(`not copied: ${name}:`), reception.stderr);
  }
});
