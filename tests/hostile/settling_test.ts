/** A receiver that settles, asks again or concludes what is not due. */
import { assertEquals } from "@std/assert";
import type { Values } from "./capnp.ts";
import type { HostileReceiver } from "./hostile_receiver.ts";
import { joined } from "./hostile_sender.ts";
import { frame, type Kind } from "./messages.ts";
import { type Places, placesOf, smallSent, withVictim } from "./victim_tree.ts";

/** Tells what to send once the manifest has come. */
type Step = (at: Places, peer: HostileReceiver) => Promise<[Kind, Values][]> | [Kind, Values][];

const nothingWanted: [Kind, Values] = ["wants", {}];
/** Small files are not wanted; the batch is settled but for its directory. */
const heldDirectory = (at: Places): [Kind, Values][] => [nothingWanted, ["batchSettled", { held: [at.d] }]];
const others = (at: Places, ...names: ("one" | "two" | "big" | "link" | "d")[]) =>
  Array.from({ length: at.count }, (_, i) => i).filter((i) => !names.some((name) => at[name] === i));
const emptyReceipt: [Kind, Values] = ["receipt", { treeSum: new Uint8Array(16) }];

const violations: Record<string, { all?: boolean; step: Step }> = {
  "a batch settled as failed before its wants": {
    step: (at) => [["batchSettled", { failed: others(at) }]],
  },
  "an entry that is not wanted settled as skipped": {
    step: (at) => [nothingWanted, ["batchSettled", { skipped: [at.one], held: [at.d] }]],
  },
  "a link that is not wanted held": {
    step: (at) => [nothingWanted, ["batchSettled", { held: [at.link, at.d].sort((a, b) => a - b) }]],
  },
  "an entry that is not wanted settled as failed and skipped": {
    step: (at) => [nothingWanted, ["batchSettled", { failed: [at.one], skipped: [at.one], held: [at.d] }]],
  },
  "a directory settled as skipped": {
    step: (at) => [nothingWanted, ["batchSettled", { skipped: [at.d] }]],
  },
  "a held directory settled as skipped": {
    step: (at) => [...heldDirectory(at), ["heldSettled", { batches: [0], entries: [at.d], failed: [2] }]],
  },
  "a held entry settled with outcome 3": {
    step: (at) => [...heldDirectory(at), ["heldSettled", { batches: [0], entries: [at.d], failed: [3] }]],
  },
  "a small file asked for again by extent 1": {
    all: true,
    step: async (at, peer) => {
      await smallSent(peer, at.one);
      return [["resend", { entry: at.one, extent: 1 }]];
    },
  },
  "a failure of an entry that is not sent by intention": {
    all: true,
    step: (at) => [["failure", { code: 29, entry: at.one }]],
  },
  "a failure of code 0": { all: true, step: (at) => [["failure", { code: 0, entry: at.one }]] },
  "a receipt while a batch is not settled": {
    step: async (_, peer) => {
      await peer.control.until("manifestEnd");
      return [emptyReceipt];
    },
  },
  "a receipt while an entry is held": {
    step: async (at, peer) => {
      await peer.control.until("manifestEnd");
      return [...heldDirectory(at), emptyReceipt];
    },
  },
};
Deno.test("what is settled wrongly ends the session, and the next receiver is served", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, { all = false, step }] of Object.entries(violations)) {
      await t.step(what, async () => {
        const code = await victim.attack(async (peer) => {
          const frames = await step(await placesOf(peer), peer);
          await peer.control.write(joined(frames.map(([kind, values]) => frame(kind, values))));
        }, { wantsAll: all });
        assertEquals(code, 8);
      });
    }
    assertEquals((await victim.serveTruly()).files.size, 3);
  });
});
