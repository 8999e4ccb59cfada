import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { plainTransport, type ServerTransport } from "../net/transport.ts";
import { LeafRenewal } from "./leaf_renewal.ts";

/** Renews every few milliseconds until `count` calls were made, and gives what was renewed and noted. */
async function renewals(
  count: number,
  renew: (call: number) => Promise<ServerTransport | undefined>,
): Promise<{ renewed: number; notes: string[] }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let calls = 0;
  let renewed = 0;
  const notes: string[] = [];
  {
    using _renewal = new LeafRenewal(() => {
      if (calls >= count) resolve();
      return renew(++calls);
    }, {
      onRenewed: () => Promise.resolve(void renewed++),
      onNote: (note) => void notes.push(note),
      intervalMs: 1,
    });
    await promise;
  }
  return { renewed, notes };
}

Deno.test("a leaf is renewed again and again until it is disposed of", async () => {
  const { renewed, notes } = await renewals(3, () => Promise.resolve(plainTransport));
  assert(renewed >= 3);
  assertEquals(notes, []);
});

Deno.test("a renewal that fails is noted, and tried again", async () => {
  const { renewed, notes } = await renewals(3, (call) => {
    if (call === 1) return Promise.reject(new RcopyError("refused", "not now"));
    return Promise.resolve(call === 2 ? undefined : plainTransport);
  });
  assertEquals(notes, ["the certificate of this end could not be renewed: not now"]);
  assert(renewed >= 1);
});

Deno.test("where nothing is to be renewed no timer runs", () => {
  using _renewal = new LeafRenewal(undefined, { onRenewed: () => Promise.resolve(), onNote: () => {} });
});
