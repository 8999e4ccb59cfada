/** Admission under a flood of silent connections. */
import { assert } from "@std/assert";
import { connect, type Socket } from "node:net";
import { frame, preamble } from "../../tests/hostile/messages.ts";
import { whyNot } from "../../tests/helpers/test_folder.ts";
import { listenForPeers } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import { Admission } from "./admission.ts";

const crowd = 300;
/** Addresses that the crowd comes from. */
const crowdSources = 50;
/** As many as may be unauthenticated at a time, and some more. */
const pushedOutMax = 100;
const hello = frame("hello", {
  role: 1,
  streams: 1,
  timeoutMs: 1000,
  mtimeResolutionNs: 1,
  creditBytes: 1 << 20,
  batchEntries: 1,
});

function opened(port: number, localAddress: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.once("connect", () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

const why = whyNot({}); // other systems have one loopback address only

Deno.test({
  name: `who comes after a silent crowd does not wait until all of it is gone${
    why === undefined ? "" : ` (skipped: ${why})`
  }`,
  ignore: why !== undefined,
  fn: async () => {
    using listener = listenForPeers({ port: 0, local: true }, plainTransport);
    const met = Promise.withResolvers<void>();
    const admission = new Admission(listener, {
      descriptorsMax: 100_000,
      onHandshake: (channel) => {
        channel.close();
        met.resolve();
        return Promise.resolve();
      },
      onNote: () => {},
    });
    const running = admission.run();
    const sockets: Socket[] = [];
    let closed = 0;
    for (let number = 0; number < crowd; number++) {
      const socket = await opened(listener.port, `127.0.7.${1 + number % crowdSources}`);
      socket.once("close", () => closed++);
      sockets.push(socket);
    }
    const newcomer = await opened(listener.port, "127.0.0.1");
    newcomer.write(new Uint8Array([...preamble("control"), ...hello]));
    await met.promise;
    assert(closed <= pushedOutMax, `${closed} of the crowd had to go first`);
    listener[Symbol.dispose]();
    await running;
    const ended = [...sockets, newcomer].map((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (socket.closed) resolve();
      else socket.once("close", () => resolve());
      socket.resume();
      socket.destroy();
      return promise;
    });
    await Promise.all(ended);
  },
});
