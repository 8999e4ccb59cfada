/** A sender whose hello says what only a receiver says, or what its form rules out; failures that are none. */
import { assertEquals } from "@std/assert";
import type { Values } from "./capnp.ts";
import { latin1 } from "./hostile_sender.ts";
import { attackReceiver } from "./sessions.ts";

const badHellos: Record<string, Values> = {
  "credit": { creditBytes: 1 << 20 },
  "entries of a batch": { batchEntries: 1 },
  "a dry run": { dryRun: true },
  "files that were placed": { placedFiles: 1 },
  "bytes that were kept": { placedKept: 1 },
  "a sum of what was placed": { placedSum: new Uint8Array(16) },
  "a file without a name": { form: 1 },
  "a file with the mode of a directory": { form: 1, name: latin1("one"), mode: 0o755 },
  "a file with the time of a directory": { form: 1, name: latin1("one"), mtimeSeconds: 1 },
  "several entries and one name": { form: 2, name: latin1("one") },
};
for (const [what, hello] of Object.entries(badHellos)) {
  Deno.test(`C9: a sender whose hello says ${what} is refused`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.hear();
      const offer = { session: new Uint8Array(16), laneTokens: new Uint8Array(16) };
      await peer.control.open("control", "hello", { ...peer.ownHello(1), ...offer, ...hello });
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

const noFailures: Record<string, Values> = {
  "of code 0": { code: 0, entry: 0 },
  "by name of code 0": { code: 0, which: 1, component: latin1("gone") },
  "of an entry that is left out on purpose": { code: 29, entry: 0 },
};
for (const [what, failure] of Object.entries(noFailures)) {
  Deno.test(`a failure ${what} ends the session`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.control.send("manifest", peer.manifest([{ name: "one", size: 10 }]));
      await peer.control.send("failure", failure);
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

Deno.test("a sender that asks for another session, as only a receiver may, is refused and not dialled again", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.control.send("close", { code: 35 });
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});
