import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import {
  bytesOf,
  entryOf,
  inFolder,
  scannedBatch,
  sendParts,
} from "../../../tests/helpers/transfer_parts.ts";
import { SendState } from "../source/batch.ts";

const vanished = new RcopyError("vanished", "says the test");

Deno.test("SendFailures tells the receiver and this end of an entry that cannot be read", async () => {
  await inFolder(async ({ engine, path, write }) => {
    write("a/file");
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path, 3);
    const entry = entryOf(batch, "file");
    parts.failures.entryFailed(batch, entry, vanished);
    const failure = { path: "a/file", code: "vanished" as const, message: "says the test" };
    assertEquals(parts.events, [{ type: "failure", failure }]);
    assertEquals(await parts.heard(), [{
      kind: "failure",
      place: { of: "entry", batch: 3, entry },
      code: wireCodeOf.vanished,
      text: "says the test",
    }]);
    assertEquals([batch.states[entry], parts.run.outcome.changed], [SendState.failed, 1]);
    assertEquals(parts.run.outcome.failed, 0, "the receiver settles it as failed, and then it counts");
    batch.release();
  });
});

Deno.test("SendFailures leaves an entry sent that may have arrived before", async () => {
  await inFolder(({ engine, path, write }) => {
    write("file");
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    batch.states[0] = SendState.sent;
    parts.failures.entryFailed(batch, 0, vanished);
    assertEquals(batch.states[0], SendState.sent);
    batch.release();
  });
});

Deno.test("SendFailures counts a name that the manifest does not list, unless it was left out on purpose", async () => {
  await inFolder(async ({ engine, path, write }) => {
    write("a/file");
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    const directory = batch.directoryOf(entryOf(batch, "file"));
    parts.failures.notListed(directory, bytesOf("fifo"), new RcopyError("unsupported-kind", "a FIFO"));
    parts.failures.notListed(directory, bytesOf(".rcopy-1"), new RcopyError("not-sent", "ours"));
    assertEquals(parts.run.outcome.failed, 1);
    const places = (await parts.heard()).map((message) => message.kind === "failure" && message.place);
    assertEquals(places, [
      { of: "name", directory: directory.number, name: bytesOf("fifo") },
      { of: "name", directory: directory.number, name: bytesOf(".rcopy-1") },
    ]);
    batch.release();
  });
});
