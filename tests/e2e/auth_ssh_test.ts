/** Copies between people whose SSH keys know each other, and what becomes of everybody else. */
import { existsSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseSshPublicKeyLine, sshFingerprint } from "../../src/security/ssh/key.ts";
import { decodeTicket, encodeTicket } from "../../src/security/anchor/ticket.ts";
import type { Outcome, RcopyOptions } from "../helpers/rcopy_process.ts";
import { freePort } from "../helpers/free_port.ts";
import { Relay } from "../helpers/relay.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { Home, startSshSender } from "../helpers/ssh_homes.ts";
import { keyKinds, makeSshKey, RealAgent } from "../helpers/ssh_keys.ts";
import { comparisonOf, shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const needs = { programs: ["ssh-keygen", "ssh-agent", "ssh-add"] };
const inTerminal = new URL("../helpers/in_terminal.py", import.meta.url).pathname;

interface People {
  folder: string;
  alice: Home;
  bob: Home;
  /** What is sent. */
  tree: string;
}

function testPeople(name: string, body: (people: People) => Promise<void>): void {
  testWhere(needs, name, () =>
    withFolder(async (folder) => {
      const tree = `${folder}/tree`;
      await Deno.mkdir(tree);
      makeSmallTree(tree, { directories: 2, filesPerDirectory: 4, sizeOf: (r) => Math.floor(r * 90_000) });
      const alice = await Home.withKey(`${folder}/alice`);
      const bob = await Home.withKey(`${folder}/bob`);
      await body({ folder, alice, bob, tree });
    }));
}

async function receive(home: Home, args: string[], options: RcopyOptions = {}): Promise<Outcome> {
  await using process = home.run(["receive", ...args], options);
  return await process.end();
}

function assertStatus(outcome: Outcome, status: number): void {
  assertEquals(outcome.status, status, `${outcome.stdout}${outcome.stderr}`);
}

const fingerprintOf = (home: Home) => sshFingerprint(parseSshPublicKeyLine(home.publicKey).key);
const at = (port: number) => `127.0.0.1:${port}`;

testPeople("two commands without a ticket copy between people who know each other's keys", async (people) => {
  const { folder, alice, bob, tree } = people;
  alice.trust(bob);
  bob.trust(alice);
  const { sender, port, line } = await startSshSender(alice, [tree]);
  await using _sender = sender;
  assertMatch(line, /^rcopy receive rcopy1[a-z2-7]+ \S+$/);
  const received = await receive(bob, ["-a", at(port), `${folder}/b`]);
  assertStatus(received, 0);
  const sent = await sender.end();
  assertStatus(sent, 0);
  await assertEqualTrees(tree, `${folder}/b`, comparisonOf());
  assertMatch(sent.stderr, /open to: whoever has this ticket; 1 key in authorized_keys; your own keys/);
  assert(sent.stderr.includes(await fingerprintOf(alice)), sent.stderr);
  assert(!/closed a connection|close_notify/.test(sent.stderr), sent.stderr);
  assertMatch(received.stderr, /is trusted: in .*authorized_keys, line 1/);
});

testPeople(
  "keys in agents only: by key, by ticket, and with --auth the other way is refused",
  async (people) => {
    const { folder, alice, bob, tree } = people;
    alice.trust(bob);
    bob.trust(alice);
    await using alices = await RealAgent.start(alice.path);
    await using bobs = await RealAgent.start(bob.path);
    for (const [home, agent] of [[alice, alices], [bob, bobs]] as const) {
      await agent.add("-q", home.keyFile);
      await Deno.remove(home.keyFile);
      home.agentSocket = agent.socket;
    }
    const both = await startSshSender(alice, ["--keep", tree]);
    await using _both = both.sender;
    const [, ticket = ""] = /receive (rcopy1\S+)/.exec(both.line) ?? [];
    assertStatus(await receive(bob, ["-a", at(both.port), `${folder}/b`]), 0);
    assertStatus(await receive(bob, [ticket, `${folder}/c`]), 0);
    await assertEqualTrees(tree, `${folder}/b`, comparisonOf());
    await assertEqualTrees(tree, `${folder}/c`, comparisonOf());

    const ticketOnly = await startSshSender(alice, ["--auth", "ticket", tree]);
    await using _ticketOnly = ticketOnly.sender;
    const byKey = await receive(bob, ["-a", at(ticketOnly.port), `${folder}/d`]);
    assertStatus(byKey, 3);
    assertMatch(byKey.stderr, /only its ticket opens it/);

    const keysOnly = await startSshSender(alice, ["--auth", "ssh", tree]);
    await using _keysOnly = keysOnly.sender;
    assertEquals(keysOnly.line, `rcopy receive -a ${at(keysOnly.port)} ${tree.split("/").at(-1)}`);
    const { anchor } = decodeTicket(ticket);
    const forged = encodeTicket({
      anchor,
      secret: new Uint8Array(16),
      port: keysOnly.port,
      addresses: [{ host: "127.0.0.1", port: keysOnly.port }],
    });
    const byTicket = await receive(bob, [forged, `${folder}/d`]);
    assertStatus(byTicket, 3);
    assertMatch(byTicket.stderr, /accepts no ticket/);
    assertStatus(await receive(bob, ["--auth", "ssh", "-a", at(keysOnly.port), `${folder}/d`]), 0);
    assertStatus(await keysOnly.sender.end(), 0);
  },
);

testPeople(
  "one port: its ticket, whose anchor is the SSH key, needs no key; a trusted key no ticket",
  async (people) => {
    const { folder, alice, bob, tree } = people;
    alice.trust(bob);
    bob.trust(alice);
    const keyless = await Home.make(`${folder}/keyless`);
    const { sender, port, line } = await startSshSender(alice, ["--auth", "auto", "--keep", tree]);
    await using _sender = sender;
    const [, ticket = ""] = /^rcopy receive (rcopy1\S+) \S+$/.exec(line) ?? [];
    const { key } = parseSshPublicKeyLine(alice.publicKey);
    assertEquals(decodeTicket(ticket).anchor.toHex(), key.spki.toHex());
    assertEquals([...Deno.readDirSync(`${keyless.path}/.ssh`)], []);
    assertStatus(await receive(keyless, ["--auth", "ticket", ticket, `${folder}/b`]), 0);
    assertStatus(await receive(keyless, [ticket, `${folder}/c`]), 0);
    const trusted = await receive(bob, ["-a", at(port), `${folder}/d`]);
    assertStatus(trusted, 0);
    assertMatch(trusted.stderr, /is trusted: in .*authorized_keys, line 1/);
    for (const name of ["b", "c", "d"]) await assertEqualTrees(tree, `${folder}/${name}`, comparisonOf());
    const wrong = encodeTicket({ ...decodeTicket(ticket), secret: new Uint8Array(16) });
    assertStatus(await receive(keyless, [wrong, `${folder}/e`]), 3);
  },
);

testPeople("a third key is refused on both sides, which print what would let it in", async (people) => {
  const { folder, alice, bob, tree } = people;
  const carol = await Home.withKey(`${folder}/carol`);
  alice.trust(bob);
  const { sender, port } = await startSshSender(alice, [tree]);
  await using _sender = sender;

  const unknownSender = await receive(carol, ["-a", at(port), `${folder}/c`]);
  assertStatus(unknownSender, 3);
  const alices = await fingerprintOf(alice);
  assert(
    unknownSender.stderr.includes(`the sender's key ${alices} is not trusted here`),
    unknownSender.stderr,
  );
  const line = `rcopy receive -a ${at(port)} ${folder}/c --allow '${alice.publicKey}'`;
  assert(unknownSender.stderr.includes(line), unknownSender.stderr);

  const unknownReceiver = await receive(carol, ["-a", at(port), `${folder}/c`, "--allow", alice.publicKey]);
  assertStatus(unknownReceiver, 3);
  const carols = await fingerprintOf(carol);
  assert(unknownReceiver.stderr.includes(`your key ${carols} is not trusted here`), unknownReceiver.stderr);
  assert(
    !unknownReceiver.stderr.includes(tree),
    "the sender's command line is none of the receiver's business",
  );
  await sender.stderrMatch(new RegExp(`rcopy send .*--allow '${carol.publicKey.replaceAll("+", "\\+")}'`));

  assertStatus(await receive(bob, ["-a", at(port), `${folder}/b`, "--allow", `${alice.keyFile}.pub`]), 0);
  assertStatus(await sender.end(), 0);
  assert(!existsSync(`${folder}/c`), "nothing is made for a sender that refuses");
});

testPeople("--allow on both sides is enough, and lasts for one run", async ({ folder, alice, bob, tree }) => {
  const first = await startSshSender(alice, ["--allow", bob.publicKey, tree]);
  await using _first = first.sender;
  assertStatus(await receive(bob, ["-a", at(first.port), "--allow", alice.publicKey, `${folder}/b`]), 0);
  assertStatus(await first.sender.end(), 0);
  const second = await startSshSender(alice, [tree]);
  await using _second = second.sender;
  assertStatus(await receive(bob, ["-a", at(second.port), "--allow", alice.publicKey, `${folder}/c`]), 3);
  assertStatus(await receive(bob, ["-a", at(second.port), `${folder}/c`]), 3);
});

testPeople("one key on both machines is one's own", async ({ folder, alice, tree }) => {
  const { sender, port } = await startSshSender(alice, ["--auth", "ssh", tree]);
  await using _sender = sender;
  const received = await receive(alice, ["-a", at(port), `${folder}/b`]);
  assertStatus(received, 0);
  assertMatch(received.stderr, /is trusted: your own key/);
  assertStatus(await sender.end(), 0);
});

testPeople("of many keys the one that is trusted is found", async ({ folder, alice, bob, tree }) => {
  await using agent = await RealAgent.start(bob.path);
  for (let i = 0; i < 6; i++) {
    await makeSshKey(`${bob.path}/key${i}`, { args: Object.values(keyKinds)[i % 4]! });
    await agent.add("-q", `${bob.path}/key${i}`);
  }
  bob.agentSocket = agent.socket;
  bob.trust(alice);
  alice.trust(bob);
  const { sender, port } = await startSshSender(alice, [tree]);
  await using _sender = sender;
  const wrong = await receive(bob, ["-a", at(port), "--identity", `${bob.path}/key2`, `${folder}/b`]);
  assertStatus(wrong, 3);
  assertStatus(await receive(bob, ["-a", at(port), `${folder}/b`]), 0);
  assertStatus(await sender.end(), 0);
});

testPeople("options of authorized_keys are obeyed", async ({ folder, alice, bob, tree }) => {
  bob.trust(alice);
  alice.trust(bob, 'from="192.0.2.0/24"');
  const { sender, port } = await startSshSender(alice, [tree]);
  await using _sender = sender;
  assertStatus(await receive(bob, ["-a", at(port), `${folder}/b`]), 3);
  await sender.stderrMatch(/from= does not let 127\.0\.0\.1 in/);
  // Read anew for each peer.
  alice.trust(bob, 'restrict,from="127.0.0.0/8"');
  await Deno.chmod(alice.authorizedKeys, 0o666);
  assertStatus(await receive(bob, ["-a", at(port), `${folder}/b`]), 3);
  await Deno.chmod(alice.authorizedKeys, 0o600);
  assertStatus(await receive(bob, ["-a", at(port), `${folder}/b`]), 0);
  assertStatus(await sender.end(), 0);
});

testPeople(
  "a host key in known_hosts is trusted, a revoked one never",
  async ({ folder, alice, bob, tree }) => {
    alice.trust(bob);
    const { sender, port } = await startSshSender(alice, ["--keep", tree]);
    await using _sender = sender;
    const hosts = `${bob.path}/.ssh/known_hosts`;
    const receiveInto = (name: string) => receive(bob, ["-a", at(port), `${folder}/${name}`]);
    await Deno.writeTextFile(hosts, `[127.0.0.1]:${port + 1} ${alice.publicKey}\n`);
    assertStatus(await receiveInto("b"), 3);
    await Deno.writeTextFile(hosts, `[127.0.0.1]:${port} ${alice.publicKey}\n`);
    await shell('ssh-keygen -q -H -f "$1"', hosts);
    const received = await receiveInto("b");
    assertStatus(received, 0);
    assertMatch(received.stderr, /is trusted: host key in .*known_hosts, line 1/);
    await Deno.writeTextFile(hosts, `@revoked * ${alice.publicKey}\n`, { append: true });
    const revoked = await receive(bob, ["-a", at(port), "--allow", alice.publicKey, `${folder}/c`]);
    assertStatus(revoked, 3);
    assertMatch(revoked.stderr, /is revoked.*@revoked in .*known_hosts, line 2/);
  },
);

/** Receives in a terminal, where somebody types this answer. */
function receiveWithPerson(home: Home, answer: string, args: string[]): Promise<Outcome> {
  return receive(home, args, { before: `set -- python3 ${inTerminal} ${answer} "$@"` });
}

testPeople("a person is asked once, the key is pinned, and a changed key is refused", async (people) => {
  const { folder, alice, bob, tree } = people;
  alice.trust(bob);
  const first = await startSshSender(alice, ["--keep", tree]);
  await using _first = first.sender;
  const pins = `${bob.path}/.config/rcopy/known_peers`;
  const to = (name: string) => ["-a", at(first.port), `${folder}/${name}`];

  const declined = await receiveWithPerson(bob, "no", to("b"));
  assertStatus(declined, 3);
  assert(declined.stdout.includes(await fingerprintOf(alice)), declined.stdout);
  assertEquals(await Deno.stat(pins).then(() => true, () => false), false);

  assertStatus(await receiveWithPerson(bob, "yes", to("b")), 0);
  assertEquals(await Deno.readTextFile(pins), `${at(first.port)} ${alice.publicKey}\n`);
  assertEquals((await Deno.stat(pins)).mode! & 0o777, 0o600);
  const again = await receive(bob, to("c"));
  assertStatus(again, 0);
  assertMatch(again.stderr, /is trusted: accepted before/);

  first.sender.kill("SIGINT");
  await first.sender.end();
  await Deno.remove(alice.keyFile);
  await makeSshKey(alice.keyFile);
  bob.trust(alice); // Even a key that would be trusted otherwise.
  const second = alice.run(["send", "-l", "-p", String(first.port), tree]);
  await using _second = second;
  await second.stderrMatch(/listening on port/);
  const changed = await receiveWithPerson(bob, "yes", to("d"));
  assertStatus(changed, 3);
  assertMatch(changed.stdout, /has changed/);
  assert(changed.stdout.includes(`sed -i -e 1d '${pins}'`), changed.stdout);
  await shell(`sed -i -e 1d '${pins}'`);
  assertStatus(await receive(bob, to("d")), 0);
});

testPeople(
  "keys that cannot be used are named, with what would help",
  async ({ folder, alice, bob, tree }) => {
    await shell('ssh-keygen -q -p -P "" -N "long enough" -f "$1"', alice.keyFile);
    const { sender, port, line } = await startSshSender(alice, [tree]);
    await using _sender = sender;
    await sender.stderrMatch(
      /only the ticket opens this, no SSH key does: .*passphrase.*ssh-add .*id_ed25519/,
    );
    const byKey = await receive(bob, ["-a", at(port), `${folder}/b`]);
    assertStatus(byKey, 3);
    assertMatch(byKey.stderr, /only its ticket opens it/);
    const [, ticket = ""] = /receive (rcopy1\S+)/.exec(line) ?? [];
    assertStatus(await receive(bob, [ticket, `${folder}/b`]), 0);

    await using keysOnly = alice.run(["send", "--auth", "ssh", "-l", "-p", "0", tree]);
    const refused = await keysOnly.end();
    assertStatus(refused, 3);
    assertMatch(refused.stderr, /--auth ssh needs an SSH key.*ssh-add/);
  },
);

testPeople("an RSA key serves --auth ssh; for a ticket it is too long, which a note says", async (people) => {
  const { folder, bob, tree } = people;
  const rsa = await Home.withKey(`${folder}/rsa`, keyKinds.rsa2048);
  rsa.trust(bob);
  bob.trust(rsa);
  const auto = await startSshSender(rsa, [tree]);
  await using _auto = auto.sender;
  await auto.sender.stderrMatch(/an RSA key is too long for a ticket; --auth ssh can use it/);
  const keysOnly = await startSshSender(rsa, ["--auth", "ssh", tree]);
  await using _keysOnly = keysOnly.sender;
  assertStatus(await receive(bob, ["-a", at(keysOnly.port), `${folder}/b`]), 0);
  assertStatus(await keysOnly.sender.end(), 0);
});

testPeople("whoever shows the right key to a probe and has another one gets nothing", async (people) => {
  const { folder, alice, bob, tree } = people;
  bob.trust(alice);
  alice.trust(bob);
  const mallory = await Home.withKey(`${folder}/mallory`);
  mallory.trust(bob);
  const honest = await startSshSender(alice, [tree]);
  await using _honest = honest.sender;
  const evil = await startSshSender(mallory, [tree]);
  await using _evil = evil.sender;
  // The first connection, which is the probe, goes to Alice; all others to Mallory.
  await using relay = new Relay([honest.port, evil.port]);
  const received = await receive(bob, ["-a", at(relay.port), `${folder}/b`]);
  assertStatus(received, 3);
  assertMatch(received.stderr, /is not the peer that was meant/);
  assertEquals(await Deno.stat(`${folder}/b`).then(() => true, () => false), false);
});

testPeople("the flags that doctor prints are enough for keys in files and agents", async (people) => {
  const { folder, alice, bob, tree } = people;
  alice.trust(bob);
  bob.trust(alice);
  await shell('find "$1" -type l -delete', tree); // Links need more than a scoped permission.
  await using agent = await RealAgent.start(bob.path);
  await agent.add("-q", bob.keyFile);
  bob.agentSocket = agent.socket;
  const flagsFor = async (home: Home, args: string[]) => {
    await using doctor = home.run(["doctor", ...args], { cwd: folder });
    const { status, stdout, stderr } = await doctor.end();
    assertEquals(status, 0, stderr);
    return stdout.trim().split(" ");
  };
  const port = freePort();
  const sending = ["send", "--auth", "ssh", "-l", "-p", String(port), tree];
  await using sender = alice.run(sending, { permissions: await flagsFor(alice, sending) });
  await sender.stderrMatch(/listening on port/);
  const receiving = ["receive", "-a", at(port), `${folder}/b`];
  const received = await receive(bob, receiving.slice(1), { permissions: await flagsFor(bob, receiving) });
  assertStatus(received, 0);
  assertStatus(await sender.end(), 0);
  await assertEqualTrees(tree, `${folder}/b`, comparisonOf("deno"));

  // With less, nothing is guessed and nobody is asked.
  await using without = alice.run(["send", "-l", "-p", "0", tree], {
    permissions: ["--allow-net", `--allow-read=${tree}`],
  });
  await without.stderrMatch(
    /only the ticket opens this, no SSH key does: .*--allow-sys=uid .*--allow-env=HOME/,
  );
});

testPeople("a receiver that listens: the sender dials, by keys alone or by the ticket", async (people) => {
  const { folder, alice, bob, tree } = people;
  alice.trust(bob);
  bob.trust(alice);
  await using receiver = bob.run(["receive", "--listen", "--auth", "ssh", "-l", "-p", "0", `${folder}/b`]);
  const [, port] = await receiver.stdoutMatch(/^rcopy send -a 127\.0\.0\.1:(\d+) PATH\.\.\.$/m);
  const carol = await Home.withKey(`${folder}/carol`);
  const send = async (home: Home, args: string[]) => {
    await using sender = home.run(["send", ...args, tree]);
    return await sender.end();
  };
  const stranger = await send(carol, ["-a", at(Number(port)), "--allow", bob.publicKey]);
  assertStatus(stranger, 3);
  assertMatch(stranger.stderr, /your key .* is not trusted here/);
  const distrustful = await send(carol, ["-a", at(Number(port))]);
  assertStatus(distrustful, 3);
  assertMatch(distrustful.stderr, /the receiver's key .* is not trusted here/);
  assertStatus(await send(alice, ["-a", at(Number(port))]), 0);
  assertStatus(await receiver.end(), 0);
  await assertEqualTrees(tree, `${folder}/b`, comparisonOf());
});
