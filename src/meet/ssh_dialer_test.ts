/** A dialer without a ticket: whose key it goes on with, what it asks, and what it remembers. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { makeIdentity } from "../../tests/helpers/ssh_identity.ts";
import { withFolder } from "../../tests/helpers/test_folder.ts";
import { RcopyError } from "../base/errors.ts";
import type { PeerAddress } from "../net/address.ts";
import { listenForPeers } from "../net/listen.ts";
import type { ServerTransport } from "../net/transport.ts";
import { anchorOf, certifyLeaf, limitedValidity } from "../security/anchor/certificate.ts";
import type { SshPublicKey } from "../security/ssh/key.ts";
import { certifierOf, type SshIdentity } from "../security/user/identities.ts";
import { knownPeersPath } from "../security/user/known_peers.ts";
import type { Role } from "../wire/hello.ts";
import { inviteByTicket } from "./by_ticket.ts";
import { planDialBySsh, type SshDialPlan } from "./ssh_dialer.ts";
import type { SshRun } from "./ssh_run.ts";

/** A run of a user of `home`, who has one key and allows these. */
async function runOf(home: string, allowed: readonly SshPublicKey[] = []): Promise<SshRun> {
  const places = {
    home,
    configHome: undefined,
    agentSocket: undefined,
    uid: Deno.uid() ?? undefined,
    hostKeyFolder: undefined,
    missing: [],
  };
  const identities = [await makeIdentity()];
  return { places, identities, notes: [], trust: { places, allowed, own: [], command: "rcopy receive" } };
}

interface Planned {
  plan?: SshDialPlan;
  error?: RcopyError;
  notes: string[];
  questions: string[];
  address: PeerAddress;
}

/** Plans to dial a listener with this transport, whose probe is served. */
async function planned(
  transport: ServerTransport,
  { run, role = "receiver", says }: { run: SshRun; role?: Role; says?: boolean },
): Promise<Planned> {
  using listener = listenForPeers({ port: 0, local: true }, transport);
  const served = (async () => {
    const channel = await listener.accept();
    await channel?.read(new Uint8Array(1)).catch(() => {});
    channel?.close();
  })();
  const address = { host: "127.0.0.1", port: listener.port };
  const [notes, questions]: string[][] = [[], []];
  const confirm = (question: string) => (questions!.push(question), Promise.resolve(says!));
  const told = { notes: notes!, questions: questions!, address };
  try {
    const plan = await planDialBySsh({
      addresses: [address],
      run,
      role,
      confirm: says === undefined ? undefined : confirm,
      onNote: (note) => void notes!.push(note),
      signal: new AbortController().signal,
    });
    return { plan, ...told };
  } catch (error) {
    if (!(error instanceof RcopyError)) throw error;
    return { error, ...told };
  } finally {
    listener[Symbol.dispose]();
    await served;
  }
}

async function transportOf(identity: SshIdentity): Promise<ServerTransport> {
  return { kind: "tls", ...await certifyLeaf(certifierOf(identity), limitedValidity(new Date())) };
}

Deno.test("a listener whose key is allowed is dialled at the address that was probed, pinned to that key", () =>
  withFolder(async (home) => {
    const listener = await makeIdentity();
    const run = await runOf(home, [listener.key]);
    for (const role of ["receiver", "sender"] as const) {
      const { plan, notes, questions, address } = await planned(await transportOf(listener), { run, role });
      assertEquals(plan?.addresses, [address]);
      assertEquals(plan?.transport, { kind: "tls", ...await anchorOf(listener.key.spki) });
      assertEquals(plan?.credentials.map(({ method }) => method), ["ssh"]);
      assertEquals(questions, []);
      assertMatch(notes.join(), /^the key of 127\.0\.0\.1 is trusted: named by --allow$/);
      await plan!.onAccepted(); // There is nothing to remember.
    }
    await assertRejects(() => Deno.stat(knownPeersPath({ home })!), Deno.errors.NotFound);
  }));

Deno.test("a key that a person accepts is remembered once the listener has let this end in", () =>
  withFolder(async (home) => {
    await Deno.chmod(home, 0o700);
    const [listener, run] = [await makeIdentity(), await runOf(home)];
    const first = await planned(await transportOf(listener), { run, says: true });
    assertMatch(
      first.questions.join(),
      /^the sender at 127\.0\.0\.1:\d+ has a key that is not known here: SHA256:/,
    );
    await assertRejects(() => Deno.stat(knownPeersPath({ home })!), Deno.errors.NotFound);
    await first.plan!.onAccepted();
    const pinned = await Deno.readTextFile(knownPeersPath({ home })!);
    assert(pinned.startsWith(`127.0.0.1:${first.address.port} ssh-ed25519 `), pinned);
    assertMatch(first.notes.join(), /the key is remembered in .*known_peers/);
  }));

Deno.test("a key that a person does not accept, or that nobody can be asked about, is refused", () =>
  withFolder(async (home) => {
    const [listener, run] = [await transportOf(await makeIdentity()), await runOf(home)];
    const declined = await planned(listener, { run, says: false });
    assertMatch(`${declined.error?.code}: ${declined.error?.message}`, /^refused: .*it was not accepted$/);
    const alone = await planned(listener, { run });
    assertMatch(
      `${alone.error?.code}: ${alone.error?.message}`,
      /^refused: .*is not trusted here.*--allow 'ssh-ed25519/,
    );
    // Which receivers may fetch is settled beforehand: a sender asks nobody.
    const sender = await planned(listener, { run, role: "sender", says: true });
    assertEquals([sender.error?.code, sender.questions], ["refused", []]);
  }));

Deno.test("a listener that only its ticket opens is named as such, before trust is asked", () =>
  withFolder(async (home) => {
    const { transport } = await inviteByTicket();
    const { error, questions } = await planned(transport, { run: await runOf(home), says: true });
    assertMatch(
      `${error?.code}: ${error?.message}`,
      /^refused: .*has no SSH key to show: only its ticket opens it/,
    );
    assertEquals(questions, []);
  }));

Deno.test("an end without a key is refused before it connects", () =>
  withFolder(async (home) => {
    const run = { ...await runOf(home), identities: [], notes: ["it needs a passphrase"] };
    const { error } = await planned(await transportOf(await makeIdentity()), { run, says: true });
    assertMatch(
      `${error?.code}: ${error?.message}`,
      /^refused: .*needs an SSH key of yours.*it needs a passphrase/,
    );
  }));

Deno.test("an agent that does not answer has refused, so that the next key is tried", () =>
  withFolder(async (home) => {
    const listener = await makeIdentity();
    const run = await runOf(home, [listener.key]);
    const silent: SshIdentity = {
      ...await makeIdentity(),
      sign: () => Promise.reject(new RcopyError("timeout", "the agent is silent")),
    };
    const given = { ...run, identities: [silent, ...run.identities] };
    const { plan } = await planned(await transportOf(listener), { run: given });
    assertEquals(plan?.credentials.length, 2);
    const [credential] = plan!.credentials;
    if (credential?.method !== "ssh") throw new Error("a credential by ticket");
    const claim = {
      version: 1,
      proverRole: "receiver" as const,
      proverFeatures: 0n,
      proverNonce: new Uint8Array(32).fill(1),
      verifierNonce: new Uint8Array(32).fill(2),
      publicKey: credential.publicKey,
    };
    const error = await assertRejects(() => credential.sign(claim), RcopyError);
    assertMatch(`${error.code}: ${error.message}`, /^refused: the agent is silent/);
  }));
