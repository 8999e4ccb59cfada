/** What the kernel says of connections that were accepted, by the options of their sockets. */
import { assertEquals } from "@std/assert";
import { Libc, socketOption } from "../../../ffi/libc.ts";
import { certifyLeaf, makeAnchorKey, unlimitedValidity } from "../../security/anchor/certificate.ts";
import { openUringEngine } from "./engine.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";

const hostname = "127.0.0.1";
const { tcp } = socketOption;
const why = whyNoUringEngine();

/** Of each connection that was accepted at `port`: whether it sends small writes at once. */
function sendsAtOnce(libc: Libc, port: number): boolean[] {
  const { level, acceptsConnections } = socketOption.socket;
  return [...Array(1024).keys()]
    .filter((fd) => libc.portOf(fd) === port && libc.socketOption(fd, level, acceptsConnections) === 0)
    .map((fd) => libc.socketOption(fd, tcp.level, tcp.noDelay) === 1);
}

Deno.test({
  name: why === undefined
    ? "what is accepted at a port sends at once, and at another port it does not"
    : `what is accepted at a port sends at once (skipped: no io_uring: ${why})`,
  ignore: why !== undefined,
  fn: async () => {
    using engine = openUringEngine();
    using libc = Libc.open();
    const { chainPem: cert, keyPem: key } = await certifyLeaf(await makeAnchorKey(), unlimitedValidity);
    using hurried = Deno.listenTls({ hostname, port: 0, cert, key });
    using other = Deno.listenTls({ hostname, port: 0, cert, key });
    const ports = [hurried, other].map(({ addr }) => (addr as Deno.NetAddr).port) as [number, number];
    engine.sendAtOnce(ports[0]);
    for (const [listener, port, expected] of [[hurried, ports[0], true], [other, ports[1], false]] as const) {
      const accepting = listener.accept();
      using _dialled = await Deno.connect({ hostname, port });
      using _accepted = await accepting;
      assertEquals(sendsAtOnce(libc, port), [expected]);
    }
  },
});
