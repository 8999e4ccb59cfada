/** One command copies: ssh, the real one, starts the other end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { type SshMachine, withSshMachine } from "../helpers/ssh_machine.ts";
import { shell, testWhere } from "../helpers/test_folder.ts";
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
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, {});
    const received = await run(["receive", ...options, `127.0.0.1:${folder}/b`, `${folder}/c`]);
    assertEquals(received.status, 0, received.stderr);
    assertMatch(received.stderr, /^rcopy: received \d+ files/m);
    await assertEqualTrees(`${folder}/a`, `${folder}/c`, {});
  },
);

const odd = '-it\'s "$HOME" `id`\n* \\ \\\\end;: &';

testRemote("names with blanks, quotes, newlines and leading dashes arrive as they are", async (machine) => {
  const { folder, home, options, run } = machine;
  for (const [path, place] of [[odd, `${home}/${odd}`], [`~/${odd}`, `${home}/${odd}`]] as const) {
    await Deno.remove(place, { recursive: true }).catch(() => {});
    const sent = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${path}`]);
    assertEquals(sent.status, 0, sent.stderr);
    await assertEqualTrees(`${folder}/a`, place, {});
  }
  const received = await run(["receive", ...options, `root@127.0.0.1:${odd}/large`, `${folder}/c`]);
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
  await assertEqualTrees(`${folder}/a`, `${folder}/d`, {});
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
    const fetch = ["receive", ...options, `127.0.0.1:${folder}/a/large`, "c"];
    const receiveFlags =
      JSON.parse((await run(["doctor", "--json", ...fetch], { cwd: folder })).stdout).flags;
    const received = await run(fetch, { permissions: receiveFlags, cwd: folder });
    assertEquals(received.status, 0, received.stderr);
    await shell('cmp "$1/a/large" "$1/c/large"', folder);
  },
);

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
  await shell('for i in $(seq 300); do test -e "/proc/$1" || exit 0; sleep 0.1; done; exit 1', pid);
}

/** What the test below starts: rcopy with a copy that takes long, connected. */
async function startLong({ folder, options }: SshMachine): Promise<RcopyProcess> {
  await shell('truncate -s 40G "$1/a/huge"', folder);
  const process = new RcopyProcess(["send", "--json", ...options, `${folder}/a`, `127.0.0.1:${folder}/b`]);
  await process.stdoutMatch(/"type":"progress"/);
  return process;
}

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
