import { assertEquals } from "@std/assert";
import type { DelayReport } from "./delay_proxy.ts";

/** Runs a proxy in front of a listener, gives both ends of one connection through it, and then its report. */
async function through(
  body: (dialer: Deno.TcpConn, target: Deno.TcpConn) => Promise<void>,
): Promise<DelayReport> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const program = new URL("delay_proxy.ts", import.meta.url).pathname;
  const ends = ["--listen", "127.0.0.1:0", "--target", `127.0.0.1:${listener.addr.port}`];
  await using proxy = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, ...ends, "--delay-ms", "5", "--window-bytes", "4096"],
    stdout: "piped",
  }).spawn();
  const printed = proxy.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number(/^listening .*:(\d+)/.exec((await printed.read()).value!)![1]);
  const dialer = await Deno.connect({ hostname: "127.0.0.1", port });
  const target = await listener.accept();
  await body(dialer, target);
  dialer.close();
  target.close();
  proxy.kill("SIGTERM");
  const { value } = await printed.read();
  await printed.cancel();
  return JSON.parse(value!) as DelayReport;
}

async function readAll(connection: Deno.TcpConn, bytes: number): Promise<void> {
  const buffer = new Uint8Array(1000);
  for (let left = bytes; left > 0;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("the stream ended early");
    left -= count;
  }
}

Deno.test("a question and its answer are one round trip, and ten are ten", async () => {
  const byte = new Uint8Array(1);
  const report = await through(async (dialer, target) => {
    for (let i = 0; i < 10; i++) {
      await dialer.write(byte);
      await readAll(target, 1);
      await target.write(byte);
      await readAll(dialer, 1);
    }
  });
  assertEquals(report, { connections: [{ toTarget: 10, toDialer: 10 }], roundTrips: 10 });
});

Deno.test("what is sent without waiting for an answer is no round trip, however much it is", async () => {
  const report = await through(async (dialer, target) => {
    const reading = readAll(target, 20_000);
    for (let i = 0; i < 20; i++) await dialer.write(new Uint8Array(1000));
    await reading;
  });
  assertEquals(report, { connections: [{ toTarget: 20_000, toDialer: 0 }], roundTrips: 0.5 });
});
