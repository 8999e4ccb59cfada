/** One command copies: ssh, the real one, starts the other end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { whyNoNamespaces } from "../helpers/namespaces.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { type SshMachine, withSshMachine } from "../helpers/ssh_machine.ts";
import { comparisonOf, shell, testWhere, whyNot } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const needs = { programs: ["ssh", "ssh-keygen", "/usr/sbin/sshd"] };

function testRemote(name: string, body: (machine: SshMachine) => Promise<void>): void {
  testWhere(needs, name, () =>
    withSshMachine(async (machine) => {
      await Deno.mkdir(`${machine.folder}/a`);
      const sizeOf = (r: number) => Math.floor(r * 50_000);
      makeSmallTree(`${machine.folder}/a`, { directories: 3, filesPerDirectory: 5, sizeOf });
      await shell('head -c 9000000 /dev/urandom > "$1/a/large"', machine.folder);
      await body(machine);
    }));
}

testRemote(
  "one command sends to another machine, and one fetches from there",
  async ({ folder, options, run }) => {
    const sent = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${folder}/b`]);
    assertEquals(sent.status, 0, sent.stderr);
    assertEquals(sent.stdout, "");
    assertMatch(sent.stderr, /^rcopy: sent \d+ files/m);
    assert(!sent.stderr.includes("through ssh"), sent.stderr);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
    const received = await run(["receive", ...options, `127.0.0.1:${folder}/b`, `${folder}/c`]);
    assertEquals(received.status, 0, received.stderr);
    assertMatch(received.stderr, /^rcopy: received \d+ files/m);
    await assertEqualTrees(`${folder}/a`, `${folder}/c`, comparisonOf());
  },
);

const odd = '-it\'s "$HOME" `id`\n* \\ \\\\end;: &';

testRemote("names with blanks, quotes, newlines and leading dashes arrive as they are", async (machine) => {
  const { folder, home, options, run } = machine;
  for (const [path, place] of [[odd, `${home}/${odd}`], [`~/${odd}`, `${home}/${odd}`]] as const) {
    await Deno.remove(place, { recursive: true }).catch(() => {});
    const sent = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${path}`]);
    assertEquals(sent.status, 0, sent.stderr);
    await assertEqualTrees(`${folder}/a`, place, comparisonOf());
  }
  const user = (await shell("id -un")).trim();
  const received = await run(["receive", ...options, `${user}@127.0.0.1:${odd}/large`, `${folder}/c/`]);
  assertEquals(received.status, 0, received.stderr);
  await shell('cmp "$1/a/large" "$1/c/large"', folder);
  // The other end's ticket or another machine, had it been taken for one.
  await Deno.rename(`${home}/${odd}`, `${home}/rcopy1aaaaaaaaaaaaaaaaaaaaaaaa:x`);
  const fetched = await run([
    "receive",
    ...options,
    `127.0.0.1:rcopy1aaaaaaaaaaaaaaaaaaaaaaaa:x`,
    `${folder}/d`,
  ]);
  assertEquals(fetched.status, 0, fetched.stderr);
  await assertEqualTrees(`${folder}/a`, `${folder}/d`, comparisonOf());
});

testRemote(
  "what is wrong at the other end is said in its name, and ends this end with the same status",
  async (machine) => {
    const { folder, options, remoteRcopy, rsh, sshd, run } = machine;
    const gone = await run(["receive", ...options, `127.0.0.1:${folder}/no such path`, `${folder}/c`]);
    assertEquals(gone.status, 2, gone.stderr);
    assertMatch(gone.stderr, /^rcopy: 127\.0\.0\.1: .*no such path/m);
    assert(!await exists(`${folder}/c`), "DEST was made");

    const file = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${folder}/a/large`]);
    assertEquals(file.status, 5, file.stderr);
    assertMatch(file.stderr, /^rcopy: 127\.0\.0\.1: .*large/m);

    const missing = await run([
      "send",
      "--rsh",
      rsh,
      "--remote-rcopy",
      `${folder}/none`,
      `${folder}/a`,
      "127.0.0.1:b",
    ]);
    assertEquals(missing.status, 4, missing.stderr);
    assertMatch(missing.stderr, /127\.0\.0\.1 has no program \S+none .*--remote-rcopy/);

    const other = await run(["send", "--rsh", rsh, "--remote-rcopy", "true", `${folder}/a`, "127.0.0.1:b"]);
    assertEquals(other.status, 4, other.stderr);
    assertMatch(other.stderr, /ended without a ticket; is it rcopy\?/);

    const stranger = `${sshd.sshWords(`${folder}/sshd/host`).join(" ")}`;
    const refused = await run(["send", "--rsh", stranger, `${folder}/a`, "127.0.0.1:b"]);
    assertEquals(refused.status, 4, refused.stderr);
    assertMatch(refused.stderr, /^rcopy: 127\.0\.0\.1: .*Permission denied/m);
    assertMatch(refused.stderr, /ssh could not connect to 127\.0\.0\.1/);

    const local = await run(["send", ...options, `${folder}/none`, `127.0.0.1:${folder}/b`]);
    assertEquals(local.status, 2, local.stderr);
    assert(!await exists(`${folder}/b`), "DEST was made");
    await assertGone(remoteRcopy);
  },
);

testRemote(
  "entries that fail are named once, and the status is that of any copy",
  async ({ folder, options, run }) => {
    await shell('mkfifo "$1/a/pipe"', folder);
    const sent = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${folder}/b`]);
    assertEquals(sent.status, 23, sent.stderr);
    assertEquals(sent.stderr.match(/not copied: pipe/g)?.length, 1, sent.stderr);
  },
);

testRemote(
  "without ssh or the permission to start it, the message says so before anything is tried",
  async (machine) => {
    const { folder, options, run } = machine;
    const permissions = ["--allow-net", "--allow-read", "--allow-write", "--allow-env"];
    const denied = await run(["send", `${folder}/a`, "127.0.0.1:b"], { permissions });
    assertEquals(denied.status, 2, denied.stderr);
    assertMatch(denied.stderr, /Deno was not given --allow-run=ssh; rcopy doctor prints/);
    const none = await run(["send", "--rsh", "/no/ssh -x", `${folder}/a`, "127.0.0.1:b"]);
    assertEquals(none.status, 2, none.stderr);
    assertMatch(none.stderr, /cannot start \/no\/ssh: there is no such program/);
    // The flags of doctor are enough.
    const copy = ["send", ...options, "a", `127.0.0.1:${folder}/b`];
    const doctor = await run(["doctor", "--json", ...copy], { cwd: folder });
    assertEquals(doctor.status, 0, doctor.stderr);
    const { flags, notes } = JSON.parse(doctor.stdout);
    assert(flags.includes("--allow-run=ssh"), flags.join(" "));
    assertMatch(notes.join("\n"), /ssh.*sandbox/);
    const sent = await run(copy, { permissions: flags, cwd: folder });
    assertEquals(sent.status, 0, sent.stderr);
    const fetch = ["receive", ...options, `127.0.0.1:${folder}/a/large`, "c/"];
    const receiveFlags =
      JSON.parse((await run(["doctor", "--json", ...fetch], { cwd: folder })).stdout).flags;
    const received = await run(fetch, { permissions: receiveFlags, cwd: folder });
    assertEquals(received.status, 0, received.stderr);
    await shell('cmp "$1/a/large" "$1/c/large"', folder);
  },
);

testRemote("a sender passes the receiver's options on to the receiver that it starts", async (machine) => {
  const { folder, options, remoteRcopy, run } = machine;
  const send = (...more: string[]) =>
    run(["send", ...options, ...more, `${folder}/a`, `127.0.0.1:${folder}/b`]);
  const told = async () => (await Deno.readTextFile(`${remoteRcopy}.arguments`)).split("\n");

  await shell('printf 1 > "$1/a/tab\there"', folder);
  const dry = await send("--dry-run");
  assertEquals(dry.status, 0, dry.stderr);
  assert((await told()).includes("--dry-run"));
  assert(!await exists(`${folder}/b`), "a dry run made DEST");
  for (const [kind, letter] of [["file", "f"], ["directory", "d"], ["symbolic link", "l"]]) {
    const count = await shell('find "$1/a" -mindepth 1 -type "$2" | wc -l', folder, letter!);
    const listed = dry.stdout.split("\n").filter((row) => row.startsWith(`new\t${kind}\t`));
    assertEquals(listed.length, Number(count), dry.stdout);
  }
  assertMatch(dry.stdout, /^new\tfile\t9\.0+ MB\tlarge$/m);
  assertMatch(dry.stdout, /^new\tfile\t1 B\ttab\\there$/m);

  const durable = await send("--durable");
  assertEquals(durable.status, 0, durable.stderr);
  assert((await told()).includes("--durable"));
  assert(!(await told()).some((word) => /^--(dry-run|exists)/.test(word)));
  await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());

  await shell('echo other > "$1/b/large"', folder);
  const skipped = await send("--exists", "skip");
  assertEquals(skipped.status, 0, skipped.stderr);
  assert((await told()).includes("--exists=skip"));
  assertEquals(await Deno.readTextFile(`${folder}/b/large`), "other\n");
  const failed = await send("--exists=fail");
  assertEquals(failed.status, 23, failed.stderr);
  assertEquals(await Deno.readTextFile(`${folder}/b/large`), "other\n");
  const replaced = await send("--exists=changed");
  assertEquals(replaced.status, 0, replaced.stderr);
  await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());

  // A receiver on this side keeps them to itself.
  const received = await run([
    "receive",
    ...options,
    "--durable",
    "--exists=skip",
    `127.0.0.1:${folder}/a`,
    `${folder}/c`,
  ]);
  assertEquals(received.status, 0, received.stderr);
  assert(!(await told()).some((word) => /^--(durable|exists)/.test(word)));
});

/** Words of wrong command lines, and what is said. */
const wrong: [string[], RegExp][] = [
  [["send", "h:x"], /needs at least one PATH/],
  [["send", "h:x", "a"], /"h:x" names another machine: HOST:DEST stands last/],
  [["receive", "a", "h:x"], /"h:x" names another machine: HOST:PATH stands first/],
  [["receive", "h:x", "a", "b"], /takes one DEST and got 2/],
  [["send", "--insecure", "a", "h:x"], /--insecure does not go with "h:x"/],
  [["send", "--keep", "a", "h:x"], /--keep does not go with "h:x"/],
  [["receive", "--listen", "h:x"], /--listen does not go with "h:x"/],
  [["receive", "--auth", "ssh", "h:x"], /--auth ssh does not go with "h:x"/],
  [
    ["send", "--exists", "skip", "a"],
    /--exists belongs to the receiver: give it to rcopy receive, or send to HOST:DEST/,
  ],
  [["send", "--durable", "-a", "h:1", "a"], /--durable belongs to the receiver/],
  [["send", "--dry-run", "a", "./h:x"], /--dry-run belongs to the receiver/],
  [["send", "--dry-run", "--json", "a", "h:x"], /--json does not go with --dry-run and "h:x"/],
  [["doctor", "send", "--durable", "a"], /--durable belongs to the receiver/],
  [["send", "--rsh", "ssh", "a"], /--rsh is for a command line with HOST:PATH/],
  [["receive", "--remote-rcopy", "x", "-a", "h:1", "a"], /--remote-rcopy is for/],
  [["send", "--rsh", "ssh 'x", "a", "h:x"], /--rsh: a quote/],
  [["send", "--", "a", "-oProxyCommand=x:y"], /is no \[USER@\]HOST/],
];
testRemote("wrong command lines with HOST:PATH are wrong usage", async ({ run }) => {
  for (const [args, message] of wrong) {
    const { status, stderr } = await run(args);
    assertEquals(status, 2, `${args.join(" ")}: ${stderr}`);
    assertMatch(stderr, message);
  }
});

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Waits until the process that a remote rcopy was has gone. */
async function assertGone(remoteRcopy: string): Promise<void> {
  const pid = (await Deno.readTextFile(`${remoteRcopy}.pid`)).trim();
  await shell('tail --pid="$1" -f /dev/null', pid);
}

/** What the test below starts: rcopy with a copy that takes long, connected. */
async function startLong({ folder, options }: SshMachine): Promise<RcopyProcess> {
  await shell('truncate -s 4G "$1/a/huge"', folder);
  const process = new RcopyProcess(["send", "--json", ...options, `${folder}/a`, `127.0.0.1:${folder}/b`]);
  await process.stdoutMatch(/"type":"progress"/);
  return process;
}

testRemote("an end that lasts as long as its standard input ends with it", async ({ folder, run }) => {
  for (const args of [["receive", "--listen", `${folder}/b`], ["send", `${folder}/a`]]) {
    const { status, stderr } = await run([...args, "--end-with-stdin", "-l", "-p", "0"], { stdin: "more\n" });
    assertEquals(status, 4, stderr);
    assertMatch(stderr, /standard input has ended/);
  }
});

testRemote("an interruption ends the wait for ssh", async ({ folder }) => {
  const slow = `${folder}/slow`;
  await Deno.writeTextFile(slow, "#!/bin/sh\necho 'Enter the number:' >&2\nexec sleep 600\n", {
    mode: 0o755,
  });
  await using process = new RcopyProcess(["receive", "--rsh", slow, "h:x", `${folder}/b`]);
  await process.stderrMatch(/h: Enter the number:/);
  process.kill("SIGINT");
  const { status, stderr } = await process.end();
  assertEquals(status, 130, stderr);
  assertMatch(stderr, /interrupted/);
});

const childrenOf = async (pid: number) =>
  (await shell('pgrep -P "$1"', String(pid))).trim().split("\n").map(Number);

testRemote("the other end ends with its ssh, and this end with the other", async (machine) => {
  await using process = await startLong(machine);
  const [ssh, ...others] = await childrenOf(process.pid);
  assertEquals(others, []);
  Deno.kill(ssh!, "SIGKILL");
  const { status, stderr } = await process.end();
  assertEquals(status, 4, stderr);
  await assertGone(machine.remoteRcopy);
});

testRemote("the other end ends with this end, however that goes", async (machine) => {
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGKILL", 137]] as const) {
    await using process = await startLong(machine);
    process.kill(signal);
    assertEquals((await process.end()).status, status);
    await assertGone(machine.remoteRcopy);
  }
});

testRemote("a lost other end is a lost peer", async (machine) => {
  await using process = await startLong(machine);
  Deno.kill(Number(await Deno.readTextFile(`${machine.remoteRcopy}.pid`)), "SIGKILL");
  const { status, stderr } = await process.end();
  assertEquals(status, 4, stderr);
});

testRemote(
  "the ticket is in no argument, and nothing prints it",
  async ({ folder, rsh, remoteRcopy, run }) => {
    const log = `${folder}/arguments`;
    const ssh = `${folder}/ssh`;
    await Deno.writeTextFile(ssh, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${log}'\nexec ssh "$@"\n`, {
      mode: 0o755,
    });
    const through = rsh.replace("'ssh'", `'${ssh}'`);
    const how = ["--rsh", through, "--remote-rcopy", remoteRcopy, "--log-level", "debug"];
    const sent = await run(["send", ...how, `${folder}/a`, `127.0.0.1:${folder}/b`]);
    assertEquals(sent.status, 0, sent.stderr);
    const said = await Deno.readTextFile(log) + await Deno.readTextFile(`${remoteRcopy}.arguments`);
    assertMatch(said, /receive\n--listen\n--end-with-stdin/);
    for (const text of [said, sent.stdout, sent.stderr]) assert(!/rcopy1[a-z2-7]{20}/i.test(text), text);
  },
);

/**
 * Where no address of the other machine leads to the other end: it runs in a network of its own, and only ssh gets there.
 * `host` is refused at once or never answers.
 */
const blocked = { programs: [...needs.programs, "ip", "nc"], root: true };
for (const [what, host] of [["is refused", "127.0.0.1"], ["has no answer", "192.0.2.1"]] as const) {
  const name =
    `where the direct connection ${what}, everything goes through a second ssh, and the summary says so`;
  const why = whyNot(blocked) ?? whyNoNamespaces();
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: () =>
      withLonelyNetwork(async (within) => {
        const ssh = ["-o", `ProxyCommand=${within.join(" ")} nc 127.0.0.1 %p`];
        await withSshMachine((machine) => copyThroughSsh(machine, host), { within, ssh });
      }),
  });
}

/** A network that has nothing but its own loopback, and the words that start a program in it. */
async function withLonelyNetwork(body: (within: string[]) => Promise<void>): Promise<void> {
  const space = `rcopy-${Deno.pid}-ssh`;
  await shell('ip netns add "$1" && ip -n "$1" link set lo up', space);
  try {
    await body(["ip", "netns", "exec", space]);
  } finally {
    await shell('ip netns del "$1"', space);
  }
}

/** Shell text for those that log in with the key `$1`. */
const findTunnels = 'found=$(pgrep -f -- "-i $1.* -L 127[.]0");';

async function copyThroughSsh(
  { folder, options, remoteRcopy, run }: SshMachine,
  host: string,
): Promise<void> {
  await shell(
    'mkdir "$1/a" && head -c 20000000 /dev/urandom > "$1/a/large"; seq 300 | split -l 1 -a 3 - "$1/a/"',
    folder,
  );
  const sent = await run(["send", ...options, "--streams", "4", `${folder}/a`, `${host}:${folder}/b`]);
  assertEquals(sent.status, 0, sent.stderr);
  assertMatch(
    sent.stderr,
    new RegExp(`^rcopy: ${host} cannot be reached directly, so that .* through ssh: `, "m"),
  );
  assertMatch(sent.stderr, /^rcopy: sent 301 files.* through ssh, as no direct connection could be made/m);
  await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
  const received = await run(["receive", ...options, "--json", `${host}:${folder}/a`, `${folder}/c`]);
  assertEquals(received.status, 0, received.stderr);
  const events = received.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.at(-1).summary.forwarded, true);
  await assertEqualTrees(`${folder}/a`, `${folder}/c`, comparisonOf());
  await assertGone(remoteRcopy);
  // Nothing is left behind, however this end ends.
  await shell('truncate -s 4G "$1/a/huge"', folder);
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await using process = new RcopyProcess([
      "send",
      "--json",
      ...options,
      `${folder}/a`,
      `${host}:${folder}/d`,
    ]);
    await process.stdoutMatch(/"type":"progress"/);
    await shell(`${findTunnels} test -n "$found"`, `${folder}/sshd/user`);
    process.kill(signal);
    await process.end();
    await assertGone(remoteRcopy);
  }
  await shell(
    `while ${findTunnels} test -n "$found"; do tail --pid=$found -f /dev/null; done`,
    `${folder}/sshd/user`,
  );
}
