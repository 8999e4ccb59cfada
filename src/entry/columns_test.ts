import { assertEquals } from "@std/assert";
import { EntryColumns, type EntryStat } from "./columns.ts";
import { EntryKind } from "./metadata.ts";

const stat: EntryStat = {
  kind: EntryKind.file,
  mode: 0o640,
  special: 0o4000,
  size: 2 ** 40 + 1,
  mtimeSeconds: -5,
  mtimeNanos: 7,
  device: 3,
  inode: 2n ** 63n + 1n,
  ctimeNs: -9n,
};
const bytes = (text: string) => new TextEncoder().encode(text);

/** An entry as its columns have it. */
function entryOf(columns: EntryColumns, index: number): [string, EntryStat] {
  const { kinds, modes, specials, identity } = { ...columns, identity: columns.identity(index) };
  const { size, device, inode, ctimeNs, mtime } = identity;
  const kind = kinds[index] as EntryKind;
  const times = { mtimeSeconds: mtime.seconds, mtimeNanos: mtime.nanos, ctimeNs };
  return [new TextDecoder().decode(columns.name(index)), {
    kind,
    mode: modes[index]!,
    special: specials[index]!,
    size,
    device,
    inode,
    ...times,
  }];
}

Deno.test("EntryColumns keeps every field and every byte of a name, past its first capacity", () => {
  const columns = new EntryColumns(1);
  const names = ["a", "", "x".repeat(300), "é", "b".repeat(5000)];
  for (const [i, name] of names.entries()) columns.append(bytes(name), { ...stat, size: i });
  assertEquals(
    names.map((_, i) => entryOf(columns, i)),
    names.map((name, i) => [name, { ...stat, size: i }]),
  );
  assertEquals(names.map((_, i) => columns.nameLength(i)), names.map((name) => bytes(name).length));
  assertEquals(columns.nameBytes, names.reduce((sum, name) => sum + bytes(name).length + 1, 0));
});

Deno.test("EntryColumns takes an entry of other columns, and a name that lies in other bytes", () => {
  const other = new EntryColumns(2);
  other.append(bytes("first"), { ...stat, kind: EntryKind.directory, size: 0 });
  other.append(bytes("second"), stat);
  const columns = new EntryColumns(1);
  columns.appendFrom(other, 1);
  columns.appendFrom(other, 0);
  assertEquals(entryOf(columns, 0), ["second", stat]);
  assertEquals(entryOf(columns, 1), ["first", { ...stat, kind: EntryKind.directory, size: 0 }]);
  assertEquals(columns.appendName(bytes("xxthirdxx"), 2, 7), 2);
  assertEquals([columns.count, new TextDecoder().decode(columns.name(2))], [3, "third"]);
});
