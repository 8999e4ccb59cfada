import { assertEquals } from "@std/assert";
import { EntryKind } from "../../entry/metadata.ts";
import { arrivedBatch, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { EntryState } from "./batch.ts";
import { TargetTree } from "./tree.ts";

Deno.test("ReceiveBatch gives names, sizes and times of its entries by number", () => {
  const mtime = { seconds: -5, nanos: 7 };
  const batch = arrivedBatch(3, [
    [0, [{ name: "first", size: 2 ** 40 }, { name: "x", mtime }]],
    [1, [{ name: "third" }]],
  ]);
  assertEquals([batch.number, batch.count, batch.unsettled], [3, 3, 3]);
  assertEquals([0, 1, 2].map((entry) => textOf(batch.name(entry))), ["first", "x", "third"]);
  assertEquals([batch.size(0), batch.mtime(1)], [2 ** 40, mtime]);
});

Deno.test("ReceiveBatch gives the text of each link, whatever stands between them", () => {
  const batch = arrivedBatch(0, [[0, [{ name: "a", text: "first" }, { name: "f" }, { name: "b", text: "" }, {
    name: "c",
    text: "last",
  }]]]);
  assertEquals([3, 0, 2].map((entry) => textOf(batch.linkText(entry))), ["last", "first", ""]);
});

Deno.test("ReceiveBatch wants content of files alone, before any of it has come", () => {
  const batch = arrivedBatch(0, [[0, [{ name: "a", size: 5 }, { name: "b", size: 6 }, {
    name: "c",
    size: 7,
  }]]]);
  batch.states.set([EntryState.wanted, EntryState.skipped, EntryState.wanted]);
  assertEquals(batch.bytesWanted, 12);
});

Deno.test("ReceiveBatch tells the sender by a bit an entry what is wanted", () => {
  const names = Array.from({ length: 11 }, (_, i) => ({ name: `${i}` }));
  const batch = arrivedBatch(4, [[0, names]]);
  batch.states.fill(EntryState.skipped);
  batch.states[0] = EntryState.wanted;
  batch.states[3] = EntryState.failed;
  batch.states[8] = EntryState.held; // a directory or a link
  batch.states[10] = EntryState.placed; // a link that was made at once
  const wants = batch.toWants();
  assertEquals([wants.batch, wants.all, [...wants.bitmap]], [4, false, [0b0000_0001, 0b0000_0101]]);
});

Deno.test("ReceiveBatch says in a word that it wants everything, or nothing", () => {
  const batch = arrivedBatch(0, [[0, [{ name: "a" }, { name: "d", kind: EntryKind.directory }]]]);
  batch.states.set([EntryState.wanted, EntryState.held]);
  assertEquals([batch.toWants().all, batch.toWants().bitmap.length], [true, 0]);
  batch.states.fill(EntryState.skipped);
  assertEquals([batch.toWants().all, batch.toWants().bitmap.length], [false, 0]);
});

Deno.test("ReceiveBatch finds the directory of each entry in its runs", () => {
  const batch = arrivedBatch(0, [[0, [{ name: "a" }]], [1, [{ name: "b" }, { name: "c" }]], [0, [{
    name: "d",
  }]]]);
  const { root } = new TargetTree(undefined, 0);
  const other = new TargetTree(undefined, 0).root;
  batch.groups.push({ directory: root, start: 0, end: 1 }, { directory: other, start: 1, end: 3 }, {
    directory: root,
    start: 3,
    end: 4,
  });
  const isRoot = [0, 1, 2, 3].map((entry) => batch.directoryOf(entry) === root);
  assertEquals(isRoot, [true, false, false, true]);
});
