/** Invitations for homes with keys of several kinds, and with none. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { withVariables } from "../../tests/helpers/environment.ts";
import { Home } from "../../tests/helpers/ssh_homes.ts";
import { keyKinds } from "../../tests/helpers/ssh_keys.ts";
import { testWhere, withFolder } from "../../tests/helpers/test_folder.ts";
import { RcopyError } from "../base/errors.ts";
import type { ServerTransport } from "../net/transport.ts";
import { decodeTicket } from "../security/anchor/ticket.ts";
import { parseSshPublicKeyLine } from "../security/ssh/key.ts";
import type { Invitation } from "./by_ticket.ts";
import { type AuthMethod, invite } from "./invite.ts";

const needs = { programs: ["ssh-keygen"] };

/** Invites as a user of `home` without an agent. */
async function inviting(home: Home, auth: AuthMethod): Promise<{ invitation: Invitation; notes: string[] }> {
  const notes: string[] = [];
  let invitation: Invitation | undefined;
  await withVariables({ HOME: home.path, XDG_CONFIG_HOME: undefined, SSH_AUTH_SOCK: undefined }, async () => {
    invitation = await invite({ auth, role: "sender", onNote: (note) => void notes.push(note) });
  });
  return { invitation: invitation!, notes };
}

function chainOf(transport: ServerTransport): string {
  if (transport.kind !== "tls") throw new Error("a transport without TLS");
  return transport.chainPem;
}

/** A home with a broken key: root would take those of the host where there is none at all. */
async function homeWithoutKey(folder: string): Promise<Home> {
  const home = await Home.make(`${folder}/home`);
  await Deno.writeTextFile(home.keyFile, "no key", { mode: 0o600 });
  return home;
}

testWhere(
  needs,
  "invite() with an SSH key opens to its ticket and to trusted keys, at one port",
  () =>
    withFolder(async (folder) => {
      const home = await Home.withKey(`${folder}/home`);
      home.trust(await Home.withKey(`${folder}/other`));
      const { invitation, notes } = await inviting(home, "auto");
      const ticket = decodeTicket(invitation.ticketFor(3120, [])!);
      const { key } = parseSshPublicKeyLine(home.publicKey);
      assertEquals(ticket.anchor, key.spki);
      assertEquals(ticket.secret, invitation.verifier.secret);
      assert(invitation.verifier.admit && invitation.verifier.verify);
      assertEquals(notes, []);
      assertMatch(
        invitation.notes![0]!,
        /^this end shows the key SHA256:\S+ \(ssh-ed25519 of .*id_ed25519\)/,
      );
      assertMatch(
        invitation.notes![1]!,
        /^open to: whoever has this ticket; 1 key in authorized_keys; your own keys$/,
      );
      const [chain, renewed] = [chainOf(invitation.transport), chainOf((await invitation.renew!())!)];
      const anchorIn = (pem: string) => pem.slice(pem.indexOf("-----BEGIN", 10));
      assertEquals(anchorIn(renewed), anchorIn(chain));
      assertNotEquals(renewed, chain);
    }),
);

testWhere(
  needs,
  "invite() for SSH keys alone has no ticket and takes no secret, also of an RSA key",
  () =>
    withFolder(async (folder) => {
      for (const kind of ["ed25519", "rsa2048"] as const) {
        const home = await Home.withKey(`${folder}/${kind}`, keyKinds[kind]);
        const { invitation } = await inviting(home, "ssh");
        assertEquals(invitation.ticketFor(3120, []), undefined);
        assertEquals(invitation.verifier.secret, undefined);
        assert(invitation.verifier.verify);
        assertMatch(invitation.notes![1]!, /^open to: no key of authorized_keys; your own keys$/);
      }
    }),
);

testWhere(
  needs,
  "invite() with no key that fits into a ticket opens to the ticket alone, and says why",
  () =>
    withFolder(async (folder) => {
      const rsa = await inviting(await Home.withKey(`${folder}/rsa`, keyKinds.rsa2048), "auto");
      assertMatch(
        rsa.notes.join(),
        /^only the ticket opens this, no SSH key does: an RSA key is too long for a ticket/,
      );
      const none = await inviting(await homeWithoutKey(folder), "auto");
      assertMatch(
        none.notes.join(),
        /^only the ticket opens this, no SSH key does: cannot use .*no private key/,
      );
      for (const { invitation } of [rsa, none]) {
        assert(decodeTicket(invitation.ticketFor(3120, [])!));
        assertEquals(Object.keys(invitation.verifier), ["secret"]);
        assertEquals(invitation.renew, undefined);
      }
    }),
);

testWhere(needs, "invite() by ticket looks for no key", () =>
  withFolder(async (folder) => {
    const { invitation, notes } = await inviting(await homeWithoutKey(folder), "ticket");
    assertEquals([Object.keys(invitation.verifier), notes, invitation.notes], [["secret"], [], undefined]);
  }));

testWhere(
  needs,
  "invite() for SSH keys where none can be used is refused, with the reason",
  () =>
    withFolder(async (folder) => {
      const home = await homeWithoutKey(folder);
      const error = await assertRejects(() => inviting(home, "ssh"), RcopyError);
      assertEquals(error.code, "refused");
      assertMatch(
        error.message,
        /^--auth ssh needs an SSH key of yours, and none can be used: .*no private key/,
      );
    }),
);
