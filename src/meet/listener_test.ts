/** What an open port tells of itself, and what belongs to it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { plainTransport } from "../net/transport.ts";
import { decodeTicket } from "../security/anchor/ticket.ts";
import { type ListenerOptions, type OpenedListener, openListener } from "./listener.ts";

const options: ListenerOptions = {
  port: 0,
  bind: undefined,
  local: true,
  advertise: [],
  insecure: false,
  invite: { auth: "ticket", role: "sender", onNote: () => {} },
  onTlsOpened: () => {},
};

async function opened(given: Partial<ListenerOptions>, body: (it: OpenedListener) => Promise<void> | void) {
  const it = await openListener({ ...options, ...given });
  try {
    await body(it);
  } finally {
    it.renewal[Symbol.dispose]();
    it.listener[Symbol.dispose]();
  }
}

Deno.test("an insecure port has no ticket, no verifier, and a plain transport", () =>
  opened({ insecure: true }, ({ listening, verifier, place, listener }) => {
    assertEquals(listening, { port: listener.port, addresses: ["127.0.0.1"], advertised: [] });
    assertEquals(verifier, undefined);
    assertEquals(place, { bind: undefined, local: true, transport: plainTransport });
  }));

Deno.test("a ticket has the port that was opened, the advertised addresses first, and the verifier's secret", () => {
  const advertise = [{ host: "a.example" }, { host: "192.0.2.7", port: 9 }];
  return opened({ advertise }, ({ listening, verifier, place }) => {
    const { port } = listening;
    assert(port > 0);
    const advertised = [{ host: "a.example", port }, { host: "192.0.2.7", port: 9 }];
    assertEquals(listening.advertised, advertised);
    const ticket = decodeTicket(listening.ticket!);
    assertEquals(ticket.addresses, [...advertised, { host: "127.0.0.1", port }]);
    assertEquals(ticket.secret, verifier?.secret);
    assertEquals([place.transport.kind, listening.keysOnly], ["tls", undefined]);
  });
});

Deno.test("a port that is bound to one address names that address, and one bound to all names those of interfaces", async () => {
  await opened({ local: false, bind: "127.0.0.1" }, ({ listening }) => {
    assertEquals(listening.addresses, ["127.0.0.1"]);
  });
  await opened({ local: false, bind: "0.0.0.0" }, ({ listening }) => {
    assert(listening.addresses.length > 0 && !listening.addresses.includes("0.0.0.0"));
  });
});

Deno.test("onTlsOpened is called with the port, for TLS alone", async () => {
  const ports: number[] = [];
  const onTlsOpened = (port: number) => void ports.push(port);
  await opened({ onTlsOpened }, ({ listening }) => assertEquals(ports, [listening.port]));
  await opened({ onTlsOpened, insecure: true }, () => assertEquals(ports.length, 1));
});

Deno.test("a port that is taken is an error of its own, with status 2", () =>
  opened({ insecure: true }, async ({ listening: { port } }) => {
    const error = await assertRejects(() => openListener({ ...options, port }), RcopyError);
    assertEquals([error.code, error.exitStatus], ["address-in-use", 2]);
  }));
