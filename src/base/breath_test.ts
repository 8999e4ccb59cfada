import { assert } from "@std/assert";
import { Breath } from "./breath.ts";

Deno.test("after a breath, what has arrived on a connection has been read", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dialled = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using accepted = await listener.accept();
  using connection = await dialled;
  const breath = new Breath();
  for (let round = 0; round < 20; round++) {
    let isRead = false;
    const reading = connection.read(new Uint8Array(1)).then(() => isRead = true);
    await accepted.write(new Uint8Array(1));
    // The bytes cross the loopback within the call; two looks of the runtime's are certain to see them.
    for (let look = 0; look < 2; look++) await breath.take();
    assert(isRead);
    await reading;
  }
});
