/** A sender sees what happens to a data connection on which it sends nothing: inside TLS or not, in this thread or in a Worker. */
import { assertEquals } from "@std/assert";
import { concat } from "../../src/base/bytes.ts";
import { chooseEngine } from "../../src/io/choose_engine.ts";
import { sendJoin } from "../../src/meet/handshake.ts";
import { dialOne } from "../../src/net/dial.ts";
import { type ClientTransport, plainTransport } from "../../src/net/transport.ts";
import {
  anchorOf,
  certifyLeaf,
  makeAnchorKey,
  unlimitedValidity,
} from "../../src/security/anchor/certificate.ts";
import type { DataConnection } from "../../src/transfer/lane/lane_io.ts";
import { LocalConnection } from "../../src/transfer/lane/local_connection.ts";
import { StageAccount } from "../../src/transfer/session/stage_account.ts";
import { RemoteConnection } from "../../src/transfer/thread/remote_connection.ts";
import { LaneThread } from "../../src/transfer/thread/thread.ts";
import { encodeFrame } from "../../src/wire/frame.ts";
import { encodePreamble } from "../../src/wire/version.ts";

const join = {
  kind: "join",
  session: new Uint8Array(16),
  lane: 0,
  token: new Uint8Array(16),
} as const;
const joined = concat(encodePreamble("data"), encodeFrame({ kind: "joined" }));

type Far = Deno.TcpConn | Deno.TlsConn;

/** What the receiver does to the connection, and the error by which the sender knows it. */
const deeds: Record<string, { does: (far: Far) => Promise<unknown>; code: string }> = {
  "a byte": { does: (far) => far.write(Uint8Array.of(0)), code: "protocol" },
  "a second answer to the join": { does: (far) => far.write(joined), code: "protocol" },
  "the end of one direction": { does: (far) => far.closeWrite(), code: "peer-lost" },
  "the end": { does: (far) => Promise.resolve(far.close()), code: "peer-lost" },
};

async function listen(
  transport: "plain" | "tls",
): Promise<{ listener: Deno.Listener<Far>; client: ClientTransport }> {
  const at = { hostname: "127.0.0.1", port: 0 };
  if (transport === "plain") return { listener: Deno.listen(at), client: plainTransport };
  const anchor = await makeAnchorKey();
  const { chainPem: cert, keyPem: key } = await certifyLeaf(anchor, unlimitedValidity);
  return {
    listener: Deno.listenTls({ ...at, cert, key }),
    client: { kind: "tls", ...await anchorOf(anchor.spki) },
  };
}

/** The receiver's end, once the join is answered. */
async function accept(listener: Deno.Listener<Far>): Promise<Far> {
  const far = await listener.accept();
  await far.read(new Uint8Array(1000)); // preamble and join
  await far.write(joined);
  return far;
}

for (const transport of ["plain", "tls"] as const) {
  for (const place of ["this thread", "a Worker"]) {
    for (const [what, { does, code }] of Object.entries(deeds)) {
      Deno.test(`${what} on an idle data connection ends it: ${transport}, in ${place}`, async () => {
        const { engine } = await chooseEngine("deno");
        const { listener, client } = await listen(transport);
        const { port } = listener.addr as Deno.NetAddr;
        const address = { host: "127.0.0.1", port };
        const accepted = accept(listener);
        const thread = place === "a Worker" ? await LaneThread.start("deno") : undefined;
        let connection: DataConnection;
        if (thread) {
          const { peer } = await thread.call(1, "dial", { role: "sender", address, transport: client, join });
          connection = new RemoteConnection({ thread, lane: 1, peer });
        } else {
          const channel = await dialOne(address, { transport: client, signal: new AbortController().signal });
          await sendJoin(channel, join);
          connection = new LocalConnection(channel, { isOpener: true });
        }
        try {
          const { broken } = connection.toSendIo({ engine, account: new StageAccount() });
          const far = await accepted;
          await does(far);
          assertEquals((await broken).code, code);
          if (what !== "the end") far.close();
        } finally {
          connection.close();
          await thread?.end();
          listener.close();
          engine[Symbol.dispose]();
        }
      });
    }
  }
}
