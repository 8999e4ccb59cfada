import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { Codec } from "../../codec/codec.ts";
import { extentBytes } from "../../wire/limits.ts";
import { entryOf, inFolder, scannedBatch } from "../../../tests/helpers/transfer_parts.ts";
import type { CallCounts } from "../../../tests/helpers/fault_engine.ts";
import { LargeSource } from "./large_file.ts";

interface Place {
  source: LargeSource;
  path: string;
  calls: CallCounts;
}

/** A file of two extents and five bytes more, in a batch that is released already. */
async function withLarge(body: (place: Place) => Promise<void> | void): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async ({ engine, calls, path, write }) => {
    write("large");
    Deno.truncateSync(`${path}/large`, 2 * extentBytes + 5);
    const batch = scannedBatch(engine, path);
    using source = new LargeSource({ engine, codec, batch, entry: entryOf(batch, "large") });
    batch.release();
    await body({ source, path: `${path}/large`, calls });
  });
}

const hash = (byte: number) => new Uint8Array(16).fill(byte);

Deno.test("LargeSource cuts a file into extents, the last as long as what is left", async () => {
  await withLarge(({ source }) => {
    assertEquals([0, 1, 2].map((extent) => source.bytesOf(extent)), [extentBytes, extentBytes, 5]);
    assertEquals(source.extents, 3);
  });
});

Deno.test("LargeSource is verified once every extent was read, in any order, and the file is as it was", async () => {
  await withLarge(({ source, calls }) => {
    for (const extent of [2, 0]) {
      source.addHash(extent, hash(extent));
      assertEquals(source.verified(), false);
    }
    source.addHash(1, hash(1));
    assertEquals(source.verified(), true);
    assertEquals([calls.checkUnchanged, calls.openSource, calls.closeSource], [1, 1, 1]);
  });
});

Deno.test("LargeSource is not verified when the file has changed meanwhile", async () => {
  await withLarge(({ source, path }) => {
    source.file();
    for (const extent of [0, 1, 2]) source.addHash(extent, hash(extent));
    Deno.truncateSync(path, 3);
    assertEquals((assertThrows(() => source.verified(), RcopyError) as RcopyError).code, "changed");
    assertEquals(source.isVerified, false);
  });
});

Deno.test("LargeSource counts an extent that is read again once", async () => {
  await withLarge(({ source }) => {
    for (const extent of [0, 1, 2]) source.addHash(extent, hash(extent));
    source.verified();
    const digest = source.digest().toHex();
    source.addHash(1, hash(9));
    assertEquals(source.digest().toHex(), digest);
  });
});

Deno.test("LargeSource opens a file again for what is sent again", async () => {
  await withLarge(async ({ source, calls }) => {
    for (const extent of [0, 1, 2]) source.addHash(extent, hash(extent));
    source.verified();
    await source.reading(() => ({ finish: () => undefined })).finish();
    assertEquals(calls.openSource, 2);
  });
});

Deno.test("LargeSource opens the file once for all its extents", async () => {
  await withLarge(async ({ source, calls }) => {
    for (let i = 0; i < 3; i++) await source.reading(() => ({ finish: () => undefined })).finish();
    assertEquals([calls.openSource, calls.closeSource ?? 0, source.isSettled], [1, 0, false]);
  });
});

Deno.test("LargeSource keeps file and directory open for a read under way, whatever settles it meanwhile", async () => {
  await withLarge(async ({ source, calls }) => {
    const before = calls.closeDirectory ?? 0;
    const reading = source.reading(() => ({ finish: () => "read" }));
    source[Symbol.dispose]();
    source[Symbol.dispose]();
    assertEquals([calls.closeSource ?? 0, calls.closeDirectory! - before], [0, 0]);
    assertEquals([await reading.finish(), source.isSettled], ["read", true]);
    assertEquals([calls.closeSource, calls.closeDirectory! - before], [1, 1]);
  });
});

Deno.test("LargeSource keeps the first reason why it failed, and has nothing more to send", async () => {
  await withLarge(({ source }) => {
    assertEquals(source.hasBegun, false);
    const error = source.fail(new RcopyError("vanished", "it is gone"));
    assertEquals([error.code, source.failure, source.isSettled, source.hasBegun], [
      "vanished",
      error,
      true,
      true,
    ]);
  });
});
