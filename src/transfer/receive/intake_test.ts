import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Manifest } from "../../wire/manifest.ts";
import { type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { inFolder, manifestOf } from "../../../tests/helpers/transfer_parts.ts";
import { Intake } from "./intake.ts";

interface Place extends ReceiveParts {
  intake: Intake;
  /** Has a batch arrive as the frame that it is; returns the bytes of that. */
  arriveAs: (manifest: Manifest) => Promise<number>;
}

async function withIntake(
  granted: { creditBytes?: number; batchEntries?: number },
  body: (place: Place) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const intake = new Intake({
      only: undefined,
      ...parts,
      granted: { creditBytes: 100_000, batchEntries: 100, ...granted },
    });
    const arriveAs = async (manifest: Manifest): Promise<number> => {
      await parts.say(manifest);
      await parts.run.control.readMessages(() => false);
      intake.onManifest(manifest);
      return parts.run.control.lastMessageBytes;
    };
    await body({ ...parts, intake, arriveAs });
  });
}

async function violation(action: () => unknown): Promise<void> {
  let error: unknown;
  try {
    await action();
  } catch (thrown) {
    error = thrown;
  }
  assertEquals((error as RcopyError)?.code, "protocol");
}

const files = (batch: number, ...names: string[]) =>
  manifestOf(batch, [[0, names.map((name) => ({ name, size: 5 }))]]);
const end = (batches: number, entries: number, bytes: bigint) =>
  ({ kind: "manifestEnd", batches, entries, bytes }) as const;

Deno.test("Intake gives batches to the plan in their order, and counts what is in them", async () => {
  await withIntake({}, async ({ intake, arriveAs, run, unsettled }) => {
    await arriveAs(files(0, "a", "b"));
    await arriveAs(manifestOf(1, [[0, [{ name: "c", size: 7 }]]], [0]));
    const { batches, entries, bytesListed, growing } = run.counts;
    assertEquals({ batches, entries, bytesListed, growing }, {
      batches: 2,
      entries: 3,
      bytesListed: 17,
      growing: true,
    });
    intake.onManifestEnd(end(2, 3, 17n));
    assertEquals([(await intake.next())?.number, (await intake.next())?.number], [0, 1]);
    assertEquals([await intake.next(), run.counts.growing, unsettled.find(1)?.count], [undefined, false, 1]);
  });
});

Deno.test("Intake refuses a batch out of turn", async () => {
  await withIntake({}, async ({ arriveAs }) => {
    await violation(() => arriveAs(files(1, "a")));
    await arriveAs(files(0, "a"));
    await violation(() => arriveAs(files(0, "b")));
  });
});

Deno.test("Intake refuses more entries in a batch than it granted", async () => {
  await withIntake({ batchEntries: 2 }, async ({ arriveAs }) => {
    await arriveAs(files(0, "a", "b"));
    await violation(() => arriveAs(files(1, "c", "d", "e")));
  });
});

Deno.test("Intake refuses more manifest bytes than it granted, and takes more once it has granted them", async () => {
  await withIntake({ creditBytes: 300 }, async ({ intake, arriveAs }) => {
    const bytes = await arriveAs(files(0, "a"));
    assertEquals(bytes < 300 && 2 * bytes > 300, true, `${bytes}`);
    intake.grant(2 * bytes - 300);
    await arriveAs(files(1, "b"));
    await violation(() => arriveAs(files(2, "c")));
  });
});

Deno.test("Intake refuses a batch that breaks the rules of the tree", async () => {
  await withIntake({}, async ({ arriveAs }) => {
    await arriveAs(manifestOf(0, [[0, [{ name: "d", kind: EntryKind.directory }]]], [1]));
    await violation(() => arriveAs(manifestOf(1, [[1, [{ name: "a" }]]])));
  });
});

const ends: [what: string, ...Parameters<typeof end>][] = [
  ["batches", 2, 1, 5n],
  ["entries", 1, 2, 5n],
  ["bytes", 1, 1, 6n],
];
for (const [what, ...counts] of ends) {
  Deno.test(`Intake refuses an end of the manifest that counts other ${what}`, async () => {
    await withIntake({}, async ({ intake, arriveAs }) => {
      await arriveAs(manifestOf(0, [[0, [{ name: "a", size: 5 }]]], [0]));
      await violation(() => intake.onManifestEnd(end(...counts)));
    });
  });
}

Deno.test("Intake refuses an end of the manifest while a directory is open", async () => {
  await withIntake({}, async ({ intake, arriveAs }) => {
    await arriveAs(files(0, "a"));
    assertThrows(() => intake.onManifestEnd(end(1, 1, 5n)), RcopyError, "before its directories were closed");
  });
});
