/** What the original rcopy got wrong, fault by fault: none of them is ours. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Proxy } from "../helpers/proxy.ts";
import {
  assertStatuses,
  copyTree,
  RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import {
  comparisonOf,
  shell,
  testEngines,
  testWhere,
  withFolder,
  withTmpfs,
} from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary, recordTree } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

testEngines("fault 1: ten thousand files are copied where a process may open 64", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" && cd "$1/a" && for d in $(seq 100); do mkdir d$d; for f in $(seq 100); do echo $d.$f > d$d/f$f; done; done`,
      folder,
    );
    assertStatuses(
      await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
        sender: { before: "ulimit -n 64" },
        receiver: { before: "ulimit -n 64" },
      }),
      0,
    );
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});

testEngines("faults 2 and 4: a file that cannot be opened fails alone, and both ends say 23", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/secret" && cd "$1/a" && echo 1 > open && echo 2 > closed && echo 3 > secret/inside && mkfifo pipe &&
      chmod 000 closed secret`,
      folder,
    );
    const outcome = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io],
      sender: { withoutPrivileges: true },
    });
    assertStatuses(outcome, 23);
    assertEquals(await shell('cd "$1/b" && find . -type f', folder), "./open\n");
    for (const { stderr } of [outcome.sent, outcome.received]) {
      for (const name of ["closed", "secret", "pipe"]) {
        assertMatch(stderr, new RegExp(`not copied: ${name}: `));
      }
    }
  });
}, { root: true, programs: ["setpriv"] });

Deno.test("fault 3: a connection that ends between two frames ends the receiver with 4, whichever frame it was", async () => {
  for (const frames of [1, 2, 3]) {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/a" && head -c 300000 /dev/urandom > "$1/a/file"', folder);
      const options = { source: `${folder}/a`, target: `${folder}/b` };
      const { sender, address } = await startSender(options);
      await using _sender = sender;
      let due = frames;
      await using proxy: Proxy = new Proxy(address, {
        onControlFrame: () => {
          if (due-- === 0) proxy.cut(); // before this frame goes on, after the last one did
        },
      });
      await using receiver = startReceiver(options, proxy.address);
      const { status, stderr } = await receiver.end();
      assertEquals(status, 4, stderr);
      const left = await shell(
        'cd "$1" && find b -type f ! -path "b/.rcopy-*" -exec cmp a/file {} ";"',
        folder,
      );
      assertEquals(left, "", "what is there is whole");
    });
  }
});

testWhere({ mount: true }, "fault 5: the sender learns that the receiver's disk was full", async () => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" && cd "$1/a" && for i in 1 2 3 4 5 6 7 8; do head -c 4000000 /dev/urandom > f$i; done',
      folder,
    );
    await withTmpfs(`${folder}/small`, "size=16m", async () => {
      const { sent, received } = await copyTree({ source: `${folder}/a`, target: `${folder}/small/b` });
      assertStatuses({ sent, received }, 5);
      assertMatch(received.stderr, /no space|no room/);
      assertMatch(sent.stderr, /no space|no room/);
      await shell(
        'cd "$1/small" && for f in $(find b -type f); do cmp $f ../a/${f#b/} || exit 1; done',
        folder,
      );
    });
  });
});

Deno.test("fault 6: a receiver connects at once, and gives up in seconds where nobody listens", async () => {
  await withFolder(async (folder) => {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${free.addr.port}`;
    free.close();
    const before = performance.now();
    await using alone = startReceiver({ source: "", target: `${folder}/b` }, address);
    const { status, stderr } = await alone.end();
    assertEquals(status, 4);
    assertMatch(stderr, /cannot reach the peer/);
    assert(performance.now() - before < 15_000);

    // Started first, with the sender a moment later on that port.
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await using early = startReceiver({ source: "", target: `${folder}/b` }, address);
    await using sender = new RcopyProcess([
      "send",
      "--insecure",
      "-l",
      "-p",
      address.split(":")[1]!,
      `${folder}/a`,
    ]);
    assertStatuses({ sent: await sender.end(), received: await early.end() }, 0);
  });
});

for (const hostile of ["../pwned", "/pwnedxx", "a/pwnedx", ".rcopy-x", "pwned\0xx"]) {
  testEngines(
    `fault 7: a sender that names ${JSON.stringify(hostile)} ends the session and writes nothing`,
    async (io) => {
      await withFolder(async (folder) => {
        const canary = await Canary.plant(`${folder}/canary`);
        await shell('mkdir "$1/source" && cd "$1/source" && echo 1 > harmless && mkdir a', folder);
        await Deno.rename(`${folder}/source/harmless`, `${folder}/source/harmles8`);
        const options = { source: `${folder}/source`, target: `${folder}/target`, receive: ["--io", io] };
        const { sender, address } = await startSender(options);
        await using _sender = sender;
        let changed = 0;
        await using proxy = new Proxy(address, {
          onControlFrame: (message) => changed += replaceBytes(message, "harmles8", hostile),
        });
        await using receiver = startReceiver(options, proxy.address);
        const { status, stderr } = await receiver.end();
        assertEquals(changed, 1, "the name went by");
        assertEquals(status, 3, stderr);
        assertEquals(await shell('cd "$1" && find . -name "*pwned*" && find target -type f', folder), "");
        await canary.assertUntouched();
      });
    },
  );
}

testWhere({}, "fault 8: lengths out of all proportion cost the sender nothing", async () => {
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

testEngines("faults 9, 10 and 11: names, links, modes, times and empty directories are kept", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/dir/empty" && cd "$1/a" && echo 1 > program && chmod 751 program && touch -d '2001-02-03 04:05:06.789' program &&
      ln -s dir loop && ln -s .. dir/up && ln -s loop-b loop-a && ln -s loop-a loop-b && touch -d 1999-01-01 dir/empty dir &&
      chmod 555 dir/empty`,
      folder,
    );
    if (io === "uring") await shell("cd \"$1/a\" && echo 2 > $'caf\\xe9' && echo 3 > $'caf\\xea'", folder);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io],
    };
    assertStatuses(await copyTree(options), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf(io));
  });
});

testEngines("fault 12: a receiver that is killed leaves the old file whole", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir a b && head -c 40000000 /dev/urandom > a/file && echo old > b/file',
      folder,
    );
    const before = await recordTree(`${folder}/b`);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--timeout", "1s"],
      receive: ["--io", io],
    };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const halfWay = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total < 20_000_000) return;
        proxy.hold();
        halfWay.resolve();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    await halfWay.promise;
    receiver.kill("SIGKILL");
    await receiver.end();
    proxy.cut();
    assertEquals((await recordTree(`${folder}/b`)).get("file"), before.get("file"));
    assertEquals((await sender.end()).status, 4);
  });
});

Deno.test("fault 13: the sender's own paths stay with the sender", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/private-place/a/inner" && echo 1 > "$1/private-place/a/inner/file"', folder);
    const options = { source: `${folder}/private-place/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    let seen = "";
    await using proxy = new Proxy(address, {
      onChunk: (_, chunk) => {
        seen += String.fromCharCode(...chunk);
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
    assert(seen.includes("inner"), "names went by in clear");
    assert(!seen.includes("private-place") && !seen.includes(folder), "the place of the source went by too");
  });
});

Deno.test("fault 14: every address that the sender prints is one that it listens on, written so that it can be dialled", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await using sender = new RcopyProcess(["send", "--insecure", "-p", "0", `${folder}/a`]);
    const [, target] = await sender.stdoutMatch(/^rcopy receive --insecure -a (\S+) \.$/m);
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

for (
  const [what, change] of [["shrinks", "truncate -s 4096"], ["grows", "sh -c 'echo more >> \"$0\"'"]] as const
) {
  testEngines(
    `fault 15: a file that ${what} while it is read is reported, and never passed off as whole`,
    async (io) => {
      await withFolder(async (folder) => {
        await shell(
          'mkdir "$1/a" && cd "$1/a" && head -c 60000000 /dev/urandom > large && echo 1 > small',
          folder,
        );
        const options = {
          source: `${folder}/a`,
          target: `${folder}/b`,
          send: ["--io", io],
          receive: ["--io", io],
        };
        const { sender, address } = await startSender(options);
        await using _sender = sender;
        let changed = false;
        await using proxy = new Proxy(address, {
          onChunk: async (_, __, total) => {
            if (changed || total < 12_000_000) return;
            changed = true;
            await shell(`${change} "$1/a/large"`, folder);
          },
        });
        await using receiver = startReceiver(options, proxy.address);
        const outcome = { sent: await sender.end(), received: await receiver.end() };
        assertStatuses(outcome, 24);
        assertMatch(outcome.received.stderr, /not copied: large: /);
        assertMatch(outcome.sent.stderr, /not copied: large: /);
        assertEquals(await shell('cd "$1/b" && find . -mindepth 1', folder), "./small\n");
      });
    },
  );
}

/** Replaces a text by another of its length, and counts. */
function replaceBytes(bytes: Uint8Array, text: string, by: string): number {
  const [wanted, given] = [new TextEncoder().encode(text), new TextEncoder().encode(by)];
  assertEquals(given.length, wanted.length);
  let count = 0;
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (!wanted.every((byte, i) => bytes[at + i] === byte)) continue;
    bytes.set(given, at);
    count++;
  }
  return count;
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
