import { assert, assertEquals } from "@std/assert";
import { Codec } from "../../codec/codec.ts";
import { temporaryName } from "../../entry/temporary_name.ts";
import { ownName } from "../../entry/name.ts";
import { extentBytes } from "../../wire/limits.ts";
import {
  decodeHeader,
  encodeHeader,
  type JournalHeader,
  journalHeaderBytes,
  slotBytes,
  slotOffset,
  Slots,
  SlotState,
} from "./journal_format.ts";

const header: JournalHeader = {
  part: temporaryName(ownName("a file")),
  size: 3 * extentBytes + 5,
  mtime: { seconds: -1, nanos: 999_999_999 },
  stamp: Uint8Array.from({ length: 16 }, (_, i) => i),
  hasBase: false,
};
const slot = { index: 7, hash: Uint8Array.from({ length: 16 }, (_, i) => 255 - i), state: SlotState.written };

function withCodec(body: (codec: Codec) => void): void {
  using codec = Codec.open({ arenaBytes: 0 });
  body(codec);
}

Deno.test("a header is read as it was written, for each version of each file", () => {
  withCodec((codec) => {
    for (
      const values of [
        {},
        { hasBase: true },
        { size: extentBytes + 1 },
        { size: Number.MAX_SAFE_INTEGER },
        { mtime: { seconds: 2 ** 40, nanos: 0 } },
      ]
    ) {
      const bytes = encodeHeader(codec, { ...header, ...values });
      assertEquals(bytes.length, journalHeaderBytes);
      const read = decodeHeader(codec, bytes)!;
      assertEquals({ ...read, part: [...read.part] }, { ...header, ...values, part: [...header.part] });
    }
  });
});

Deno.test("a header that is cut anywhere, longer, or has any byte changed, is none", () => {
  withCodec((codec) => {
    const bytes = encodeHeader(codec, header);
    for (let length = 0; length < bytes.length; length++) {
      assertEquals(decodeHeader(codec, bytes.slice(0, length)), undefined, `${length} bytes`);
    }
    assertEquals(decodeHeader(codec, new Uint8Array(journalHeaderBytes + 1)), undefined);
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const other = bytes.slice();
        other[at]! ^= flip;
        assertEquals(decodeHeader(codec, other), undefined, `byte ${at}`);
      }
    }
  });
});

Deno.test("a header of another version, grid, or of a file that can have no journal, is none, though its checksum is right", () => {
  withCodec((codec) => {
    const sealed = (change: (view: DataView) => void) => {
      const bytes = encodeHeader(codec, header);
      change(new DataView(bytes.buffer));
      bytes.set(codec.hashOf(bytes.subarray(0, 112)), 112);
      return decodeHeader(codec, bytes);
    };
    assert(sealed(() => {}));
    assertEquals(sealed((view) => view.setUint8(19, 0x32)), undefined, "version 2");
    assertEquals(sealed((view) => view.setUint32(20, 1024, true)), undefined, "another grid");
    assertEquals(sealed((view) => view.setBigUint64(24, 1n << 53n, true)), undefined, "too large");
    assertEquals(
      sealed((view) => view.setBigUint64(24, BigInt(extentBytes), true)),
      undefined,
      "a small file",
    );
    assertEquals(sealed((view) => view.setBigInt64(32, 1n << 60n, true)), undefined, "no time");
    assertEquals(
      sealed((view) => view.setUint32(40, 1_000_000_000, true)),
      undefined,
      "a billion nanoseconds",
    );
    assertEquals(sealed((view) => view.setUint8(44, 2)), undefined, "an unknown mark");
    assertEquals(sealed((view) => view.setUint8(45, 41)), undefined, "a name past its room");
  });
});

Deno.test("a slot is read as it was written, at its own place alone", () => {
  withCodec((codec) => {
    const slots = new Slots(codec, encodeHeader(codec, header));
    for (const state of [SlotState.written, SlotState.synced]) {
      const bytes = slots.encode({ ...slot, state });
      assertEquals(bytes.length, slotBytes);
      assertEquals(slots.decode(bytes, 7), { ...slot, state });
      for (const index of [0, 6, 8, 7 + 2 ** 31]) assertEquals(slots.decode(bytes, index), undefined);
    }
    assertEquals([slotOffset(0), slotOffset(7)], [journalHeaderBytes, journalHeaderBytes + 7 * slotBytes]);
  });
});

Deno.test("a slot that is cut anywhere, empty, or has any byte changed, is none", () => {
  withCodec((codec) => {
    const slots = new Slots(codec, encodeHeader(codec, header));
    const bytes = slots.encode(slot);
    for (let length = 0; length < bytes.length; length++) {
      assertEquals(slots.decode(bytes.slice(0, length), 7), undefined);
    }
    for (const filler of [0, 255]) {
      assertEquals(slots.decode(new Uint8Array(slotBytes).fill(filler), 7), undefined);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 3, 0x80, 0xff]) {
        const other = bytes.slice();
        other[at]! ^= flip;
        assertEquals(slots.decode(other, 7), undefined, `byte ${at}`);
      }
    }
  });
});

Deno.test("a slot is of its own journal alone: of no other file, and of no earlier journal of the same one", () => {
  withCodec((codec) => {
    const bytes = new Slots(codec, encodeHeader(codec, header)).encode(slot);
    for (
      const other of [header, { ...header, size: header.size + 1 }, { ...header, stamp: new Uint8Array(16) }]
    ) {
      assertEquals(new Slots(codec, encodeHeader(codec, other)).decode(bytes, 7), undefined);
    }
  });
});
