/** Either side listens: the receiver, with the sender dialling it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Outcome, type RcopyOptions, RcopyProcess } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { changedTicket, secretForms } from "../helpers/ticket_copy.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    const sizeOf = (r: number) => Math.floor(r * 20_000);
    makeSmallTree(`${folder}/a`, { directories: 4, filesPerDirectory: 8, sizeOf });
    await shell('head -c 9000000 /dev/urandom > "$1/a/large"', folder);
    await body(folder);
  });
}

async function run(args: string[], options: RcopyOptions = {}): Promise<Outcome> {
  await using process = new RcopyProcess(args, options);
  return await process.end();
}

/** Starts a receiver that listens, and gives the arguments that it printed for the sender, without PATH. */
async function startListening(
  args: string[],
  options: RcopyOptions = {},
): Promise<{ receiver: RcopyProcess; how: string[] }> {
  const receiver = new RcopyProcess(["receive", "--listen", "-l", "-p", "0", ...args], options);
  try {
    const [, how] = await receiver.stdoutMatch(/^rcopy send (.*) PATH\.\.\.\n/);
    return { receiver, how: how!.split(" ") };
  } catch (error) {
    await receiver[Symbol.asyncDispose]();
    throw error;
  }
}

for (const insecure of [[], ["--insecure"]]) {
  const channel = insecure[0] ?? "a ticket";
  testEngines(`a receiver listens and a sender dials, by ${channel}`, async (io) => {
    await withTree(async (folder) => {
      const { receiver, how } = await startListening([...insecure, "--io", io, `${folder}/b`]);
      await using _receiver = receiver;
      assertEquals(how[0], insecure[0] ?? "--to");
      const sent = await run(["send", ...how, "--io", io, `${folder}/a`]);
      const received = await receiver.end();
      assertEquals([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
      await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf(io));
      assertEquals(sent.stdout, "");
      const hashes = [sent, received].map(({ stderr }) => /tree hash (\S+)/.exec(stderr)?.[1]);
      assert(hashes[0] !== undefined && hashes[0] === hashes[1], hashes.join());
    });
  });
}

Deno.test("a sender that dials by standard input shows the ticket to nobody", async () => {
  await withTree(async (folder) => {
    const { receiver, how } = await startListening([`${folder}/b`]);
    await using _receiver = receiver;
    const ticket = how[1]!;
    const sent = await run(["send", "--to", "-", `${folder}/a`], { stdin: `${ticket}\n` });
    const received = await receiver.end();
    assertEquals([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
    assert(!sent.stderr.includes("list of processes"), sent.stderr);
    for (const form of secretForms(ticket)) {
      assert(!`${sent.stdout}${sent.stderr}${received.stderr}`.includes(form), "the ticket leaked");
    }
  });
});

Deno.test("a sender with a wrong secret is refused before any name leaves it, and the right one is served", async () => {
  await withTree(async (folder) => {
    const { receiver, how } = await startListening([`${folder}/b`]);
    await using _receiver = receiver;
    const guess = changedTicket(how[1]!, { secret: new Uint8Array(16) });
    const refused = await run(["send", "--to", guess, `${folder}/a`]);
    assertEquals(refused.status, 3, refused.stderr);
    assertMatch(refused.stderr, /secret of the ticket is not the one of this run/);
    assertEquals((await run(["send", ...how, `${folder}/a`])).status, 0);
    assertEquals((await receiver.end()).status, 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
  });
});

Deno.test("two ends that want the same are told so, whoever listens", async () => {
  await withTree(async (folder) => {
    const { receiver, how } = await startListening([`${folder}/b`]);
    await using _receiver = receiver;
    const twice = await run(["receive", how[1]!, `${folder}/c`]);
    assertEquals(twice.status, 3, twice.stderr);
    assertMatch(twice.stderr, /both ends want to receive; run rcopy send on one of them/);
    await using sender = new RcopyProcess(["send", "-l", "-p", "0", `${folder}/a`]);
    const [, ticket] = await sender.stdoutMatch(/rcopy receive (\S+) /);
    const both = await run(["send", "--to", ticket!, `${folder}/a`]);
    assertEquals(both.status, 3, both.stderr);
    assertMatch(both.stderr, /both ends want to send; run rcopy receive on one of them/);
    // Neither of them was harmed.
    assertEquals((await run(["send", ...how, `${folder}/a`])).status, 0);
    assertEquals((await receiver.end()).status, 0);
    assertEquals((await run(["receive", ticket!, `${folder}/c`])).status, 0);
    assertEquals((await sender.end()).status, 0);
  });
});

Deno.test("a receiver that listens ends with its destination's status, and so does the sender", async () => {
  await withTree(async (folder) => {
    const missing = await run(["receive", "--listen", "-l", "-p", "0", `${folder}/a/large/new`]);
    assertEquals(missing.status, 5, missing.stderr);
  });
});

Deno.test("a killed sender leaves a receiver that takes it back, and what was there is kept", async () => {
  await withTree(async (folder) => {
    await shell('head -c 400000000 /dev/zero > "$1/a/huge"', folder);
    const { receiver, how } = await startListening(["--patience", "5m", `${folder}/b`]);
    await using _receiver = receiver;
    {
      await using sender = new RcopyProcess(["send", "--json", ...how, `${folder}/a`]);
      await sender.stdoutMatch(/"type":"connected"/);
      sender.kill("SIGKILL");
      await sender.end();
    }
    await receiver.stderrMatch(/waiting 5 min for it to come back/);
    assertEquals((await run(["send", ...how, `${folder}/a`])).status, 0);
    assertEquals((await receiver.end()).status, 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

Deno.test("options that mean nothing to an end that dials, and too many for one that listens", async () => {
  for (
    const [args, pattern] of [
      [["send", "--insecure", "-a", "127.0.0.1:1", "--keep", "."], /--keep is for an end that listens/],
      [["send", "--to", "rcopy1x", "-p", "1", "."], /--port is for an end that listens/],
      [["send", "--to", "rcopy1aaaaaaaaaaaaaaaaaaaa", "."], /the ticket is mistyped or cut off/],
      [
        ["send", "--auth", "ticket", "-a", "127.0.0.1:1", "."],
        /send needs the ticket that rcopy receive --listen/,
      ],
      [
        ["receive", "--insecure", "-a", "127.0.0.1:1", "--bind", "::1", "."],
        /--bind is for an end that listens/,
      ],
      [["receive", "--listen", "-a", "127.0.0.1:1", "."], /waits for the sender to connect/],
      [["receive", "--listen", "a", "b"], /takes one DEST and got 2/],
    ] as [string[], RegExp][]
  ) {
    const { status, stderr } = await run(args);
    assertEquals(status, 2, stderr);
    assertMatch(stderr, pattern);
  }
});

Deno.test("doctor's flags are enough where the receiver listens, for both ends", async () => {
  await withFolder(async (folder) => {
    // No links: they cannot be made under a scoped --allow-write.
    await shell(
      'mkdir -p "$1/a/d" && echo 1 > "$1/a/d/f" && head -c 5000000 /dev/urandom > "$1/a/large"',
      folder,
    );
    const port = `${20_000 + Math.floor(Math.random() * 10_000)}`;
    const receive = ["receive", "--listen", "-l", "-p", port, "--io", "deno", "b"];
    await using receiver = new RcopyProcess(receive, {
      permissions: await flagsFor(receive, folder),
      cwd: folder,
    });
    const [, how] = await receiver.stdoutMatch(/^rcopy send (.*) PATH\.\.\.\n/);
    const send = ["send", ...how!.split(" "), "--io", "deno", "a"];
    const sent = await run(send, { permissions: await flagsFor(send, folder), cwd: folder });
    const received = await receiver.end();
    assertEquals([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
    assert(!/cannot be (seen|tested)/.test(sent.stderr), sent.stderr);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

async function flagsFor(command: string[], cwd: string): Promise<string[]> {
  const { status, stdout, stderr } = await run(["doctor", "--json", ...command], { cwd });
  assertEquals(status, 0, stderr);
  return JSON.parse(stdout).flags;
}
