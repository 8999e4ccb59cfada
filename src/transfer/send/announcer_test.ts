import { assert, assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import type { Hello } from "../../wire/hello.ts";
import { creditBytesMax } from "../../wire/limits.ts";
import type { Message } from "../../wire/message.ts";
import { encodeFrame } from "../../wire/frame.ts";
import {
  helloOf,
  inFolder,
  type SendParts,
  sendParts,
  textOf,
} from "../../../tests/helpers/transfer_parts.ts";
import { oneEntryBytesMax, type SendBatch } from "../source/batch.ts";
import { openSources } from "../source/roots.ts";
import { ScanPace } from "../source/scan_pace.ts";
import { Announcer } from "./announcer.ts";

interface Place extends SendParts {
  announcer: Announcer;
  batches: SendBatch[];
}

/** An announcer of a folder with so many files, for a receiver that grants this. */
async function withAnnouncer(
  files: number,
  granted: Partial<Hello>,
  body: (place: Place) => Promise<void>,
): Promise<void> {
  await inFolder(async ({ engine, path, write }) => {
    for (let i = 0; i < files; i++) write(`a/file ${i}`, "abc");
    using parts = sendParts(engine);
    const batches: SendBatch[] = [];
    const announcer = new Announcer({
      run: parts.run,
      engine,
      roots: openSources(engine, [path]),
      peer: { ...helloOf("receiver", engine), ...granted },
      unsettled: parts.unsettled,
      failures: parts.failures,
      pace: new ScanPace(parts.plan, new Map()),
      isDestination: () => false,
      onAnnounced: (batch) => batches.push(batch),
    });
    await body({ ...parts, announcer, batches });
  });
}

function entriesOf(messages: Message[]): number {
  return messages.reduce((sum, message) => sum + (message.kind === "manifest" ? message.kinds.length : 0), 0);
}

Deno.test("Announcer sends the whole tree, and what it was in numbers", async () => {
  await withAnnouncer(300, {}, async ({ announcer, heard, run, batches, unsettled }) => {
    await announcer.announceAll();
    const messages = await heard();
    const end = messages.pop()!;
    assertEquals(messages.map(({ kind }) => kind), Array(batches.length).fill("manifest"));
    assertEquals(end, { kind: "manifestEnd", batches: batches.length, entries: 301, bytes: 900n });
    assertEquals([entriesOf(messages), run.counts.entries, run.counts.growing], [301, 301, false]);
    assertEquals([run.state, unsettled.remaining.batches], ["listed", batches.length]);
  });
});

Deno.test("Announcer begins with a small batch, so that content follows at once, and goes on with larger ones", async () => {
  await withAnnouncer(300, {}, async ({ announcer, batches }) => {
    await announcer.announceAll();
    const counts = batches.map(({ count }) => count);
    assert(counts[0]! <= 64 && counts.length < 6 && Math.max(...counts) > 100, counts.join());
  });
});

Deno.test("Announcer keeps to the entries that the receiver takes in a batch", async () => {
  await withAnnouncer(20, { batchEntries: 7 }, async ({ announcer, batches }) => {
    await announcer.announceAll();
    assert(batches.every(({ count }) => count <= 7));
  });
});

Deno.test("Announcer never sends more manifest bytes than were granted, and goes on with each grant", async () => {
  const creditBytes = oneEntryBytesMax + 10;
  await withAnnouncer(500, { creditBytes }, async ({ announcer, heard, run, batches }) => {
    let granted = creditBytes;
    let sent = 0;
    let entries = 0;
    const announcing = announcer.announceAll();
    for (let grants = 0; run.counts.growing; grants++) {
      assert(grants < 1000, "it goes on with each grant");
      for (let turn = 0; turn < 3; turn++) {
        const messages = await heard();
        entries += entriesOf(messages);
        for (const message of messages) if (message.kind === "manifest") sent += encodeFrame(message).length;
        assert(sent <= granted, `${sent} bytes of ${granted}`);
        await new Promise((resolve) => setTimeout(resolve)); // the scan's turn
      }
      announcer.grant(creditBytes);
      granted += creditBytes;
    }
    await announcing;
    assertEquals([entries + entriesOf(await heard()), batches.length > 3], [501, true]);
  });
});

Deno.test("Announcer refuses a credit that nobody may grant", async () => {
  await withAnnouncer(0, { creditBytes: 64 }, ({ announcer }) => {
    const error = assertThrows(() => announcer.grant(creditBytesMax), RcopyError);
    assertEquals((error as RcopyError).code, "protocol");
    return Promise.resolve();
  });
});

Deno.test("Announcer does not wait for credit once the session has ended", async () => {
  await withAnnouncer(1, { creditBytes: 64 }, async ({ announcer, heard, run }) => {
    const announcing = announcer.announceAll();
    run.tasks.end({});
    announcer.end();
    await announcing;
    assertEquals([await heard(), run.counts.growing], [[], true]);
  });
});

Deno.test("Announcer tells of what is left out of the tree, after the directory that has it", async () => {
  await inFolder(async ({ engine, path, write }) => {
    write("a/.rcopy-run-1", "rcopy run journal 1\n");
    using parts = sendParts(engine);
    const announcer = new Announcer({
      ...parts,
      engine,
      roots: openSources(engine, [path]),
      peer: helloOf("receiver", engine),
      pace: new ScanPace(parts.plan, new Map()),
      isDestination: () => false,
      onAnnounced: () => {},
    });
    await announcer.announceAll();
    const shown = (await parts.heard()).map((message) =>
      message.kind === "failure" && message.place.of === "name" ? textOf(message.place.name) : message.kind
    );
    assertEquals(shown, ["manifest", ".rcopy-run-1", "manifest", "manifestEnd"]);
  });
});
