/** A listener of a test that is no rcopy. */

/** Accepts connections one after the other, has `treat` handle each, and closes it, until stopped. */
export function serveConnections(
  listener: Deno.Listener,
  treat: (connection: Deno.Conn) => Promise<unknown>,
) {
  const serving = (async () => {
    for (;;) {
      const connection = await listener.accept().catch(() => undefined);
      if (!connection) return;
      await treat(connection).catch(() => {});
      connection.close();
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    stop: async () => {
      listener.close();
      await serving;
    },
  };
}
