/** Every exit status, at both ends, and what ends a run. */
import { assertEquals, assertMatch } from "@std/assert";
import { settlesWithin } from "../../src/base/deadline.ts";
import { Proxy } from "../helpers/proxy.ts";
import {
  assertStatuses,
  copyTree,
  type Outcome,
  type RcopyOptions,
  RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { shell, testWhere, withFolder, withTmpfs } from "../helpers/test_folder.ts";

async function rcopy(args: string[], options: RcopyOptions = {}): Promise<Outcome> {
  await using process = new RcopyProcess(args, options);
  return await process.end();
}

/** Wrong command lines, and what the message must name. */
const wrongUsage: [string[], RegExp][] = [
  [["receive", "--auth", "ticket", "-a", "127.0.0.1:1", "."], /needs the ticket .*--insecure at both ends/],
  [["send", "--insecure"], /PATH/],
  [["receive", "--insecure", "."], /-a|address/],
  [["send", "--insecure", "--prot", "1", "."], /--port/],
  [["send", "--insecure", "--port", "65536", "."], /port.*65535/s],
  [["send", "--insecure", "--io", "aio", "."], /--io.*uring/s],
  [["receive", "--insecure", "-a", "::1", "."], /\[/],
  [["receive", "--insecure", "-a", "127.0.0.1:1", "--exists", "merge", "."], /--exists/],
  [["send", "--insecure", "--timeout", "1", "."], /timeout|1/],
  [["send", "--insecure", "/no/such/path"], /\/no\/such\/path/],
  [["sned", "."], /send/],
];
for (const [args, message] of wrongUsage) {
  Deno.test(`2: rcopy ${args.join(" ")} is wrong usage, and the message says what to do`, async () => {
    const { status, stdout, stderr } = await rcopy(args);
    assertEquals(status, 2, stderr);
    assertEquals(stdout, "");
    assertMatch(stderr, message);
    assertMatch(stderr, /^rcopy: /);
  });
}

Deno.test("2: two PATHs of one name, and a FIFO as PATH", async () => {
  await withFolder(async (folder) => {
    await shell('cd "$1" && mkdir a b && echo 1 > a/x && echo 2 > b/x && mkfifo pipe', folder);
    const twice = await rcopy(["send", "--insecure", "-l", "-p", "0", `${folder}/a/x`, `${folder}/b/x`]);
    assertEquals(twice.status, 2);
    assertMatch(twice.stderr, /both land as "x"/);
    assertEquals((await rcopy(["send", "--insecure", "-l", "-p", "0", `${folder}/pipe`])).status, 2);
  });
});

Deno.test("2: a port that is taken", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { status, stderr } = await rcopy(["send", "--insecure", "-l", "-p", `${listener.addr.port}`, "."]);
  assertEquals(status, 2, stderr);
  assertMatch(stderr, /another program uses it; choose one with --port/);
});

Deno.test("3: somebody answers who is not rcopy, or who speaks another version", async () => {
  const hello = [0x89, 0x52, 0x43, 0x50, 0x0d, 0x0a, 0x1a, 0x0a, 9, 0, 9, 0, 1, 0, 0, 0];
  for (const answer of [new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n"), Uint8Array.from(hello)]) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const answering = (async () => {
      using connection = await listener.accept();
      await connection.write(answer);
      const buffer = new Uint8Array(4096);
      while (await connection.read(buffer).catch(() => null) !== null);
    })();
    await withFolder(async (folder) => {
      const { status, stderr } = await rcopy([
        "receive",
        "--insecure",
        "-a",
        `127.0.0.1:${listener.addr.port}`,
        `${folder}/b`,
      ]);
      assertEquals(status, 3, stderr);
    });
    await answering;
  }
});

Deno.test("4: a sender that serves somebody else says so, and the other receiver is served on", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 20000000 /dev/urandom > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const underWay = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      // Slow, but alive: a receiver that does not answer would lose its place.
      onChunk: async (_, __, total) => {
        if (total < 5_000_000) return;
        underWay.resolve();
        await settlesWithin(goOn.promise, 50);
      },
    });
    await using first = startReceiver(options, proxy.address);
    await Promise.race([underWay.promise, first.end()]);
    await using second = startReceiver({ ...options, target: `${folder}/c` }, address);
    const refused = await second.end();
    assertEquals(refused.status, 4, refused.stderr);
    assertMatch(refused.stderr, /already serves/);
    goOn.resolve();
    assertStatuses({ sent: await sender.end(), received: await first.end() }, 0);
  });
});

Deno.test("4: a lost receiver frees its place, and another one can come in its stead", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 30000000 /dev/urandom > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, receive: ["--patience", "0s"] };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    const halfWay = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total < 10_000_000) return;
        proxy.hold();
        halfWay.resolve();
      },
    });
    await using lost = startReceiver(options, proxy.address);
    await halfWay.promise;
    proxy.cut();
    assertEquals((await lost.end()).status, 4);
    await using next = startReceiver(options, address);
    assertStatuses({ sent: await sender.end(), received: await next.end() }, 0);
    assertEquals(await shell('cd "$1" && cmp a/file b/file && ls -A b', folder), "file\n");
  });
});

Deno.test("4: a peer that says nothing for as long as --timeout is lost", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c 30000000 /dev/urandom > "$1/a/file"', folder);
    const quick = ["--timeout", "1s", "--patience", "0s"];
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: quick, receive: quick };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (total > 10_000_000) proxy.hold();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 4);
  });
});

testWhere({ mount: true }, "5: a destination that is read-only, at both ends", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await withTmpfs(`${folder}/mounted`, "size=1m,ro", async () => {
      const { sender, address } = await startSender({ source: `${folder}/a`, target: "" });
      await using _sender = sender;
      await using receiver = startReceiver({ source: "", target: `${folder}/mounted` }, address);
      const { status, stderr } = await receiver.end();
      assertEquals(status, 5, stderr);
      assertMatch(stderr, /[Rr]ead-only/);
      assertEquals((await sender.end()).status, 5);
    });
  });
});

testWhere({ root: true, programs: ["setpriv"] }, "5: a destination that is not permitted", async () => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" "$1/b" && echo 1 > "$1/a/file" && chown 1500 "$1/b" && chmod 555 "$1/b"',
      folder,
    );
    const { sent, received } = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      receiver: { withoutPrivileges: true },
    });
    assertStatuses({ sent, received }, 5);
  });
});

Deno.test("23: what is neither file, directory nor link is left out, listed, and never opened", async () => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" && cd "$1/a" && echo 1 > file && mkfifo pipe &&
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'`,
      folder,
    );
    const { sent, received } = await copyTree({ source: `${folder}/a`, target: `${folder}/b` });
    assertStatuses({ sent, received }, 23);
    for (const { stderr } of [sent, received]) {
      assertMatch(stderr, /not copied: pipe: /);
      assertMatch(stderr, /not copied: socket: /);
    }
    assertEquals(await shell('ls -A "$1/b"', folder), "file\n");
  });
});

Deno.test("0: DEST inside PATH is left out and listed, and the copy ends", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/a/inner/dest" && echo 1 > "$1/a/file" && echo 2 > "$1/a/inner/file"', folder);
    const { sent, received } = await copyTree({ source: `${folder}/a`, target: `${folder}/a/inner/dest` });
    assertStatuses({ sent, received }, 0);
    assertMatch(received.stderr, /not copied: inner\/dest: /);
    const found = await shell('cd "$1/a/inner/dest" && find . -type f | sort', folder);
    assertEquals(found, "./file\n./inner/file\n");
  });
});

for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  for (const end of ["sender", "receiver"] as const) {
    Deno.test(`${status}: the ${end} ends on ${signal}, the other end with 4, and nothing partial has a final name`, async () => {
      await withFolder(async (folder) => {
        await shell(
          'mkdir "$1/a" && head -c 30000000 /dev/urandom > "$1/a/file" && echo 1 > "$1/a/small"',
          folder,
        );
        const impatient = ["--patience", "0s"];
        const options = { source: `${folder}/a`, target: `${folder}/b`, send: impatient, receive: impatient };
        const { sender, address } = await startSender(options);
        await using _sender = sender;
        const halfWay = Promise.withResolvers<void>();
        await using proxy: Proxy = new Proxy(address, {
          onChunk: (_, __, total) => {
            if (total < 10_000_000) return;
            proxy.hold();
            halfWay.resolve();
          },
        });
        await using receiver = startReceiver(options, proxy.address);
        await halfWay.promise;
        const [interrupted, other] = end === "sender" ? [sender, receiver] : [receiver, sender];
        interrupted.kill(signal);
        const { status: own, stderr } = await interrupted.end();
        proxy.cut();
        assertEquals(own, status, stderr);
        assertEquals((await other.end()).status, 4);
        const left = await shell('cd "$1/b" && find . -mindepth 1 | sort', folder);
        const unfinished = /\.\/\.rcopy-[a-z2-7]{26}\.(part|journal)\n/g;
        assertEquals(left.replaceAll(unfinished, "").replace("./small\n", ""), "", "nothing else is left");
        assertStatuses(await copyTree(options), 0);
        await shell('diff -r "$1/a" "$1/b"', folder);
      });
    });
  }
}

Deno.test("130: a sender that nobody came to ends on Ctrl-C", async () => {
  await withFolder(async (folder) => {
    const { sender } = await startSender({ source: folder, target: "" });
    await using _sender = sender;
    sender.kill("SIGINT");
    assertEquals((await sender.end()).status, 130);
  });
});
for (const command of ["send", "receive"] as const) {
  testWhere({}, `an argument of ${command} that is not UTF-8 is refused with 2, by its bytes`, async () => {
    await withFolder(async (folder) => {
      await shell(`cd "$1" && mkdir $'caf\\xe9' && echo 1 >$'caf\\xe9/f'`, folder);
      // A string cannot have such a byte: the shell puts it there.
      const within = ["bash", "-c", `exec "$@"$'\\xe9'`, "-"];
      const args = command === "send"
        ? ["send", "--insecure", "-l"]
        : ["receive", "--insecure", "-a", "127.0.0.1:1"];
      await using run = new RcopyProcess([...args, "--", `${folder}/caf`], { within });
      const { status, stderr } = await run.end();
      assertEquals(status, 2, stderr);
      assertMatch(stderr, /caf\\xe9/);
      assertMatch(stderr, /UTF-8/);
      assertEquals(await shell(`cd "$1" && ls | wc -l && cat $'caf\\xe9/f'`, folder), "1\n1\n");
    });
  });
}
