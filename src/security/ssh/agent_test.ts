import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { keyKinds, makeSshKey, RealAgent, ScriptedAgent } from "../../../tests/helpers/ssh_keys.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { SshAgent } from "./agent.ts";
import { parseSshPublicKeyLine, showSshKey, verifySshSignature } from "./key.ts";
import { SshWriter } from "./wire.ts";

const needs = { programs: ["ssh-agent", "ssh-add", "ssh-keygen"] };
const data = new TextEncoder().encode("what is signed");

async function publicKey(path: string) {
  return parseSshPublicKeyLine(await Deno.readTextFile(`${path}.pub`)).key;
}

for (const [name, args] of Object.entries(keyKinds)) {
  testWhere(needs, `a real agent signs with ${name}`, () =>
    withFolder(async (folder) => {
      await using agent = await RealAgent.start(folder);
      await makeSshKey(`${folder}/key`, { args, comment: "müller@home" });
      await agent.add("-q", `${folder}/key`);
      const ours = new SshAgent({ socket: agent.socket });
      const { usable, unusable } = await ours.identities();
      const key = await publicKey(`${folder}/key`);
      assertEquals(unusable, []);
      assertEquals(usable.map(({ comment }) => comment), ["müller@home"]);
      assertEquals(showSshKey(usable[0]!.key), showSshKey(key));
      const signature = await ours.sign(key, data);
      assert(await verifySshSignature(key, signature, data));
      if (name.startsWith("rsa")) {
        assertEquals(signature.algorithm, "rsa-sha2-512");
        assertEquals((await ours.sign(key, data, { hash: "SHA-256" })).algorithm, "rsa-sha2-256");
      }
    }));
}

testWhere(
  needs,
  "an agent with twenty keys lists and uses every one; what rcopy cannot use is named",
  () =>
    withFolder(async (folder) => {
      await using agent = await RealAgent.start(folder);
      for (let i = 0; i < 20; i++) {
        await makeSshKey(`${folder}/key${i}`, { comment: `number ${i}` });
        await agent.add("-q", `${folder}/key${i}`);
      }
      await makeSshKey(`${folder}/long`, { args: ["-t", "ecdsa", "-b", "521"], comment: "long" });
      await agent.add("-q", `${folder}/long`);
      const ours = new SshAgent({ socket: agent.socket });
      const { usable, unusable } = await ours.identities();
      assertEquals(usable.map(({ comment }) => comment), Array.from({ length: 20 }, (_, i) => `number ${i}`));
      assertEquals(unusable.length, 1);
      assert(/^long: .*P-521 keys are not supported yet/.test(unusable[0]!), unusable[0]);
      for (const { key } of usable) assert(await verifySshSignature(key, await ours.sign(key, data), data));
    }),
);

testWhere(needs, "a locked agent holds nothing and refuses to sign", () =>
  withFolder(async (folder) => {
    await using agent = await RealAgent.start(folder);
    await makeSshKey(`${folder}/key`);
    await agent.add("-q", `${folder}/key`);
    await Deno.writeTextFile(`${folder}/ask`, "#!/bin/sh\necho secret\n", { mode: 0o700 });
    await shell(
      'SSH_AUTH_SOCK="$1/agent" SSH_ASKPASS="$1/ask" SSH_ASKPASS_REQUIRE=force DISPLAY=:9 ssh-add -x </dev/null',
      folder,
    );
    const ours = new SshAgent({ socket: agent.socket });
    assertEquals(await ours.identities(), { usable: [], unusable: [] });
    const key = await publicKey(`${folder}/key`);
    const error = await assertRejects(() => ours.sign(key, data), RcopyError);
    assert(/refuses to sign/.test(error.message), error.message);
  }));

testWhere(
  needs,
  "an agent refuses to sign with a key that it does not hold, or only for other hosts",
  () =>
    withFolder(async (folder) => {
      await using agent = await RealAgent.start(folder);
      await makeSshKey(`${folder}/key`);
      await makeSshKey(`${folder}/bound`);
      await Deno.writeTextFile(
        `${folder}/hosts`,
        `example.org ${await Deno.readTextFile(`${folder}/key.pub`)}`,
      );
      await agent.add("-q", "-H", `${folder}/hosts`, "-h", "example.org", `${folder}/bound`);
      const ours = new SshAgent({ socket: agent.socket });
      for (const name of ["key", "bound"]) {
        const key = await publicKey(`${folder}/${name}`);
        const error = await assertRejects(() => ours.sign(key, data), RcopyError);
        assertEquals(error.code, "refused");
        assert(/refuses to sign/.test(error.message), error.message);
      }
    }),
);

Deno.test("an absent agent is named with its socket", () =>
  withFolder(async (folder) => {
    const error = await assertRejects(
      () => new SshAgent({ socket: `${folder}/nobody` }).identities(),
      RcopyError,
    );
    assert(error.message.includes(`cannot reach ssh-agent at ${folder}/nobody`), error.message);
    Deno.listen({ transport: "unix", path: `${folder}/left` }).close();
    await Deno.writeTextFile(`${folder}/file`, "");
    await assertRejects(() => new SshAgent({ socket: `${folder}/file` }).identities(), RcopyError);
  }));

const u32 = (value: number) => new SshWriter().u32(value).bytes();
/** A message of the agent, with its length before it. */
const message = (writer: SshWriter) => new SshWriter().string(writer.bytes()).bytes();
const answers: [string, Uint8Array | undefined, RegExp][] = [
  ["hangs", undefined, /did not list its keys within 100 ms; it may be waiting/],
  ["hangs within its answer", Uint8Array.of(0, 0, 0, 9, 12), /did not list its keys within/],
  ["refuses", message(new SshWriter().u8(5)), /refuses to list its keys/],
  ["says something else", message(new SshWriter().u8(99)), /unknown message 99/],
  ["announces an empty answer", u32(0), /answer of 0 bytes/],
  ["announces 4 GB", u32(0xffff_ffff), /answer of 4294967295 bytes/],
  ["announces more keys than it sends", message(new SshWriter().u8(12).u32(2)), /cut short/],
  ["announces four thousand million keys", message(new SshWriter().u8(12).u32(0xffff_ffff)), /announces/],
  ["announces a key of 1 GB", message(new SshWriter().u8(12).u32(1).u32(1 << 30)), /over the limit/],
  ["adds bytes at the end", message(new SshWriter().u8(12).u32(0).u8(0)), /follow its end/],
];
for (const [what, answer, wanted] of answers) {
  Deno.test(`an agent that ${what} is an error that says so`, () =>
    withFolder(async (folder) => {
      await using agent = new ScriptedAgent(`${folder}/agent`, () => answer);
      const ours = new SshAgent({ socket: agent.socket, deadlineMs: 100 });
      const error = await assertRejects(() => ours.identities(), RcopyError);
      assert(wanted.test(error.message), error.message);
      assertEquals(agent.requests.length, 1);
    }));
}

Deno.test("an agent's signature by another key, or of another algorithm, is not handed on", () =>
  withFolder(async (folder) => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const blob = new SshWriter().string("ssh-ed25519").string(raw).bytes();
    const { key } = parseSshPublicKeyLine(`ssh-ed25519 ${blob.toBase64()}`);
    const good = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, data));
    const answer = (algorithm: string, bytes: Uint8Array) =>
      message(new SshWriter().u8(14).string(new SshWriter().string(algorithm).string(bytes).bytes()));
    const sign = async (reply: Uint8Array) => {
      const socket = `${folder}/${crypto.randomUUID()}`;
      await using _agent = new ScriptedAgent(socket, () => reply);
      return await new SshAgent({ socket }).sign(key, data);
    };
    assertEquals((await sign(answer("ssh-ed25519", good))).bytes, good);
    for (const bad of [answer("ssh-rsa", good), answer("ssh-ed25519", good.with(3, good[3]! ^ 1))]) {
      const error = await assertRejects(() => sign(bad), RcopyError);
      assert(/does not hold/.test(error.message), error.message);
    }
  }));
