import { assert } from "@std/assert";
import { EventLoopYield } from "./event_loop_yield.ts";

Deno.test("now() lets the runtime read what has arrived on a connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dialled = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using accepted = await listener.accept();
  using connection = await dialled;
  const eventLoopYield = new EventLoopYield();
  for (let round = 0; round < 20; round++) {
    let isRead = false;
    const reading = connection.read(new Uint8Array(1)).then(() => isRead = true);
    await accepted.write(new Uint8Array(1));
    // The bytes cross the loopback within the call; the runtime is certain to see them in one of two polls.
    for (let poll = 0; poll < 2; poll++) await eventLoopYield.now();
    assert(isRead);
    await reading;
  }
});
