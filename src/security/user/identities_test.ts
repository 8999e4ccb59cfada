import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { keyKinds, makeSshKey, RealAgent, ScriptedAgent } from "../../../tests/helpers/ssh_keys.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { anchorOf, certifyLeaf, limitedValidity } from "../anchor/certificate.ts";
import { certifierOf, findIdentities, pickIdentity } from "./identities.ts";
import { parseSshPublicKeyLine, sshFingerprint, verifySshSignature } from "../ssh/key.ts";

const needs = { programs: ["ssh-keygen", "ssh-agent", "ssh-add"] };
const data = new TextEncoder().encode("x");

function withHome(body: (home: string) => Promise<void>): Promise<void> {
  return withFolder(async (home) => {
    await Deno.mkdir(`${home}/.ssh`, { mode: 0o700 });
    await body(home);
  });
}

testWhere(
  needs,
  "keys of the agent come first, then the files, each once; every one signs",
  () =>
    withHome(async (home) => {
      await using agent = await RealAgent.start(home);
      await makeSshKey(`${home}/agents`, { args: keyKinds.p256 });
      await agent.add("-q", `${home}/agents`);
      await makeSshKey(`${home}/.ssh/id_rsa`, { args: keyKinds.rsa2048 });
      await makeSshKey(`${home}/.ssh/id_ed25519`);
      await makeSshKey(`${home}/.ssh/id_ecdsa`, { args: keyKinds.p384, passphrase: "long enough" });
      await agent.add("-q", `${home}/.ssh/id_rsa`);
      const { identities, notes } = await findIdentities({ home, agentSocket: agent.socket });
      assertEquals(identities.map(({ key, origin }) => `${key.kind} ${origin}`), [
        "p256 ssh-agent",
        "rsa ssh-agent",
        `ed25519 ${home}/.ssh/id_ed25519`,
      ]);
      assertEquals(notes.length, 1);
      assert(/id_ecdsa: it needs a passphrase.*ssh-add .*id_ecdsa/.test(notes[0]!), notes[0]);
      for (const { key, sign } of identities) assert(await verifySshSignature(key, await sign(data), data));
    }),
);

testWhere(
  needs,
  "an encrypted key in the agent needs no note, and no passphrase",
  () =>
    withHome(async (home) => {
      await using agent = await RealAgent.start(home);
      await makeSshKey(`${home}/.ssh/id_ed25519`);
      await agent.add("-q", `${home}/.ssh/id_ed25519`);
      await shell('ssh-keygen -q -p -P "" -N "long enough" -f "$1/.ssh/id_ed25519"', home);
      const search = await findIdentities({ home, agentSocket: agent.socket });
      assertEquals(search.notes, []);
      assertEquals(search.identities.map(({ origin }) => origin), ["ssh-agent"]);
      assertEquals((await pickIdentity(search, `${home}/.ssh/id_ed25519`)).origin, "ssh-agent");
      assertEquals((await pickIdentity(search, `${home}/.ssh/id_ed25519.pub`)).origin, "ssh-agent");
    }),
);

testWhere(
  needs,
  "an absent or hanging agent is a note, and the files are used",
  () =>
    withHome(async (home) => {
      await makeSshKey(`${home}/.ssh/id_ed25519`);
      await using hanging = new ScriptedAgent(`${home}/hanging`, () => undefined);
      for (
        const [agentSocket, note] of [[`${home}/nobody`, /cannot reach/], [hanging.socket, /within 50 ms/]]
      ) {
        const search = await findIdentities({
          home,
          agentSocket: agentSocket as string,
          agentDeadlineMs: 50,
        });
        assertEquals(search.identities.length, 1);
        assert((note as RegExp).test(search.notes.join()), search.notes.join());
      }
    }),
);

testWhere(needs, "a key file that others may read is not used", () =>
  withHome(async (home) => {
    await makeSshKey(`${home}/.ssh/id_ed25519`);
    await Deno.chmod(`${home}/.ssh/id_ed25519`, 0o644);
    const { identities, notes } = await findIdentities({ home });
    assertEquals(identities, []);
    assert(/others may read it \(mode 644\); use: chmod 600/.test(notes.join()), notes.join());
  }));

testWhere(
  needs,
  "--identity takes a fingerprint or a file, and says when there is none",
  () =>
    withHome(async (home) => {
      await makeSshKey(`${home}/.ssh/id_ed25519`);
      await makeSshKey(`${home}/elsewhere`, { args: keyKinds.p256 });
      const search = await findIdentities({ home });
      const fingerprint = await sshFingerprint(
        parseSshPublicKeyLine(await Deno.readTextFile(`${home}/.ssh/id_ed25519.pub`)).key,
      );
      assertEquals((await pickIdentity(search, fingerprint)).origin, `${home}/.ssh/id_ed25519`);
      assertEquals((await pickIdentity(search, `${home}/elsewhere`)).origin, `${home}/elsewhere`);
      for (const none of ["SHA256:none", `${home}/none`, `${home}/elsewhere.pub`]) {
        const error = await assertRejects(() => pickIdentity(search, none), RcopyError);
        assertEquals([error.code, error.message.includes(none)], ["usage", true], error.message);
      }
    }),
);

testWhere(needs, "root may use the keys of the host", () =>
  withFolder(async (folder) => {
    await makeSshKey(`${folder}/ssh_host_ed25519_key`);
    assertEquals((await findIdentities({ hostKeyFolder: folder })).identities.length, 1);
    assertEquals((await findIdentities({})).identities, []);
  }));

for (const [name, args] of Object.entries(keyKinds)) {
  testWhere(
    { programs: [...needs.programs, "openssl"] },
    `${name}: a leaf that the agent certifies passes openssl`,
    () =>
      withFolder(async (folder) => {
        await using agent = await RealAgent.start(folder);
        await makeSshKey(`${folder}/key`, { args });
        await agent.add("-q", `${folder}/key`);
        const [identity] = (await findIdentities({ agentSocket: agent.socket })).identities;
        const { chainPem, serverName } = await certifyLeaf(
          certifierOf(identity!),
          limitedValidity(new Date()),
        );
        await Deno.writeTextFile(`${folder}/leaf.pem`, chainPem);
        await Deno.writeTextFile(`${folder}/anchor.pem`, (await anchorOf(identity!.key.spki)).anchorPem);
        const verify =
          'openssl verify -no_check_time -CAfile "$1/anchor.pem" -verify_hostname "$2" "$1/leaf.pem"';
        assert((await shell(verify, folder, serverName)).includes("leaf.pem: OK"));
      }),
  );
}
