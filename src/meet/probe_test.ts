import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { certifierOf, findIdentities } from "../security/user/identities.ts";
import {
  certifyLeaf,
  limitedValidity,
  makeAnchorKey,
  unlimitedValidity,
} from "../security/anchor/certificate.ts";
import { keyKinds, makeSshKey } from "../../tests/helpers/ssh_keys.ts";
import { testWhere, withFolder } from "../../tests/helpers/test_folder.ts";
import { listenForPeers } from "../net/listen.ts";
import { probeListener } from "./probe.ts";

const never = new AbortController().signal;

/** Probes a listener that speaks TLS with this chain; what it reads must be nothing. */
async function probed(chain: { chainPem: string; keyPem: string }) {
  using listener = listenForPeers({ port: 0, local: true }, { kind: "tls", ...chain });
  const served = (async () => {
    const channel = await listener.accept();
    try {
      return await channel!.read(new Uint8Array(100));
    } catch {
      return 0;
    } finally {
      channel?.close();
    }
  })();
  const address = { host: "127.0.0.1", port: listener.port };
  try {
    return await probeListener([address], never);
  } finally {
    assertEquals(await served, 0, "a probe sends nothing");
  }
}

for (const isOfOneRun of [true, false]) {
  Deno.test(`a probe shows the key of the anchor, and whether it is of one run (${isOfOneRun})`, async () => {
    const anchor = await makeAnchorKey();
    const validity = isOfOneRun ? unlimitedValidity : limitedValidity(new Date());
    const shown = await probed(await certifyLeaf(anchor, validity));
    assertEquals(shown.anchorSpki.toHex(), anchor.spki.toHex());
    assertEquals(shown.isOfOneRun, isOfOneRun);
  });
}

for (const [kind, args] of Object.entries(keyKinds)) {
  testWhere(
    { programs: ["ssh-keygen"] },
    `a probe shows an SSH key as anchor: ${kind}`,
    () =>
      withFolder(async (folder) => {
        await Deno.mkdir(`${folder}/.ssh`);
        await makeSshKey(`${folder}/.ssh/id_rsa`, { args });
        const [identity] = (await findIdentities({ home: folder })).identities;
        const chain = await certifyLeaf(certifierOf(identity!), limitedValidity(new Date()));
        assertEquals((await probed(chain)).anchorSpki.toHex(), identity!.key.spki.toHex());
      }),
  );
}

/** Probes a peer that answers a connection like this. */
async function probeOfStranger(answer: (conn: Deno.Conn) => Promise<unknown>): Promise<RcopyError> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = listener.accept().then(async (conn) => {
    await answer(conn).catch(() => {});
    conn.close();
  });
  const { port } = listener.addr as Deno.NetAddr;
  try {
    return await assertRejects(() => probeListener([{ host: "127.0.0.1", port }], never), RcopyError);
  } finally {
    listener.close();
    await served;
  }
}

Deno.test("a probe of what speaks no TLS is refused, and names --insecure", async () => {
  const banner = new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1\r\n");
  const talker = await probeOfStranger(async (conn) => {
    await conn.write(banner);
    await conn.read(new Uint8Array(5000));
  });
  assertEquals(talker.code, "refused");
  assert(/does not speak TLS.*--insecure at both ends/.test(talker.message), talker.message);
  const silent = await probeOfStranger((conn) => conn.read(new Uint8Array(5000)));
  assertEquals(silent.code, "refused", silent.message);
  assert(/takes plain connections \(--insecure\)/.test(silent.message), silent.message);
});

Deno.test("a probe of a chain that is not rcopy's is refused", async () => {
  const { chainPem, keyPem } = await certifyLeaf(await makeAnchorKey(), unlimitedValidity);
  const leafOnly = chainPem.slice(0, chainPem.indexOf("-----BEGIN", 10));
  const error = await assertRejects(() => probed({ chainPem: leafOnly, keyPem }), RcopyError);
  assertEquals(error.code, "refused");
});

Deno.test("a probe of a port that is closed is unreachable; one that is interrupted ends at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const error = await assertRejects(() => probeListener([{ host: "127.0.0.1", port }], never), RcopyError);
  assertEquals(error.code, "unreachable");
  assert(error.message.includes("nothing listens there"), error.message);
  const reason = new RcopyError("interrupted", "enough");
  assertEquals(
    await assertRejects(() => probeListener([{ host: "127.0.0.1", port }], AbortSignal.abort(reason))),
    reason,
  );
});
