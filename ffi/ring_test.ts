import { assert, assertEquals, assertThrows } from "@std/assert";
import { put, results, ringTest } from "../tests/helpers/ring.ts";
import { withSeed } from "../tests/helpers/random.ts";
import {
  atFlag,
  fallocateMode,
  fileKind,
  fsyncDataOnly,
  openFlag,
  renameFlag,
  resolveFlag,
  sqeFlag,
  statx,
  statxMask,
} from "./mod.ts";

const { none, link, hardlink, fixedFile } = sqeFlag;
const errno = { noEntry: -2, badDescriptor: -9, exists: -17, crossDevice: -18, loop: -40, canceled: -125 };

ringTest("A chain opens into a slot, reads and closes, in one submission", (ring, folder) => {
  const scratch = ring.scratch(4096);
  Deno.writeTextFileSync(`${folder}/file`, "0123456789");
  const how = scratch.putOpenHow(openFlag.readOnly | openFlag.noFollow, 0, resolveFlag.noMagicLinks);
  const at = scratch.take(16);
  ring.openat2(1, link, atFlag.workingDirectory, put(scratch, `${folder}/file`), how, 7);
  ring.read(2, fixedFile | link, 7, scratch.address + at, 4, 3);
  ring.closeSlot(3, none, 7);
  ring.read(4, fixedFile | sqeFlag.drain, 7, scratch.address + at, 4, 0);
  assertEquals(ring.prepared, 4);
  assertEquals(ring.submit(), 4);
  assertEquals(ring.prepared, 0);
  assertEquals(ring.inFlight, 4);
  assertEquals(results(ring), { 1: 0, 2: 4, 3: 0, 4: errno.badDescriptor });
  assertEquals(new TextDecoder().decode(scratch.bytes.subarray(at, at + 4)), "3456");
  assertEquals(ring.inFlight, 0);
});

ringTest("A short read cancels what is linked to it, and nothing that is hard-linked", (ring, folder) => {
  const scratch = ring.scratch(4096);
  Deno.writeTextFileSync(`${folder}/file`, "short");
  ring.openat(1, none, atFlag.workingDirectory, put(scratch, `${folder}/file`), openFlag.readOnly, 0);
  const fd = results(ring)[1]!;
  const at = scratch.address + scratch.take(64);
  ring.read(2, link, fd, at, 64, 0);
  ring.nop(3, none);
  ring.read(4, hardlink, fd, at, 64, 0);
  ring.close(5, none, fd);
  assertEquals(results(ring), { 2: 5, 3: errno.canceled, 4: 5, 5: 0 });
});

ringTest("A failing open cancels its chain, and the slot stays empty", (ring, folder) => {
  const scratch = ring.scratch(4096);
  ring.openat(1, link, atFlag.workingDirectory, put(scratch, `${folder}/none`), openFlag.readOnly, 0, 0);
  ring.read(2, fixedFile | link, 0, scratch.address, 4, 0);
  ring.closeSlot(3, none, 0);
  assertEquals(results(ring), { 1: errno.noEntry, 2: errno.canceled, 3: errno.canceled });
});

ringTest("Directories, links, renames and removals are what Deno sees", (ring, folder) => {
  const scratch = ring.scratch(16384);
  const cwd = atFlag.workingDirectory;
  const name = (entry: string) => put(scratch, `${folder}/${entry}`);
  ring.mkdirat(1, link, cwd, name("dir"), 0o750);
  ring.symlinkat(2, link, put(scratch, "../target"), cwd, name("dir/link"));
  const created = openFlag.writeOnly | openFlag.create | openFlag.exclusive;
  ring.openat(3, link, cwd, name("dir/a"), created, 0o640, 0);
  ring.write(4, fixedFile | link, 0, put(scratch, "content"), 7, 0);
  ring.closeSlot(5, link, 0);
  ring.linkat(6, link, cwd, name("dir/a"), cwd, name("b"), 0);
  ring.renameat(7, link, cwd, name("dir/a"), cwd, name("c"), 0);
  ring.renameat(8, none, cwd, name("b"), cwd, name("c"), renameFlag.noReplace);
  ring.mkdirat(9, sqeFlag.drain, cwd, name("dir"), 0o700);
  assertEquals(results(ring), { 1: 0, 2: 0, 3: 0, 4: 7, 5: 0, 6: 0, 7: 0, 8: errno.exists, 9: errno.exists });
  assertEquals(Deno.readLinkSync(`${folder}/dir/link`), "../target");
  assertEquals(Deno.readTextFileSync(`${folder}/c`), "content");
  assertEquals(Deno.lstatSync(`${folder}/c`).nlink, 2);

  ring.unlinkat(1, none, cwd, name("dir/link"), 0);
  ring.unlinkat(2, none, cwd, name("b"), 0);
  ring.unlinkat(3, sqeFlag.drain, cwd, name("dir"), atFlag.removeDirectory);
  assertEquals(results(ring), { 1: 0, 2: 0, 3: 0 });
  assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["c"]);
});

ringTest("Sizes are reserved, cut and synced on an open descriptor", (ring, folder) => {
  const scratch = ring.scratch(4096);
  const flags = openFlag.readWrite | openFlag.create;
  ring.openat(1, none, atFlag.workingDirectory, put(scratch, `${folder}/file`), flags, 0o600);
  const fd = results(ring)[1]!;
  ring.fallocate(2, link, fd, 0, 4096, 8192);
  ring.fallocate(3, link, fd, fallocateMode.keepSize, 0, 65536);
  ring.fsync(4, link, fd, 0);
  ring.fsync(5, none, fd, fsyncDataOnly);
  assertEquals(results(ring), { 2: 0, 3: 0, 4: 0, 5: 0 });
  assertEquals(Deno.statSync(`${folder}/file`).size, 12288);
  const canTruncate = ring.supports("ftruncate");
  if (canTruncate) ring.ftruncate(6, link, fd, 5);
  ring.close(7, none, fd);
  assertEquals(results(ring), canTruncate ? { 6: 0, 7: 0 } : { 7: 0 });
  assertEquals(Deno.statSync(`${folder}/file`).size, canTruncate ? 5 : 12288);
});

ringTest("statx fills what stat says, and a link is not followed", (ring, folder) => {
  const scratch = ring.scratch(4096);
  Deno.writeTextFileSync(`${folder}/file`, "12345");
  Deno.utimeSync(`${folder}/file`, 1, 1_500_000_000.25);
  Deno.symlinkSync("file", `${folder}/link`);
  const [file, other] = [scratch.take(statx.size), scratch.take(statx.size)];
  const { symlinkNoFollow: noFollow, workingDirectory: cwd } = atFlag;
  const mask = statxMask.basic;
  ring.statx(1, none, cwd, put(scratch, `${folder}/file`), noFollow, mask, scratch.address + file);
  ring.statx(2, none, cwd, put(scratch, `${folder}/link`), noFollow, mask, scratch.address + other);
  ring.statx(3, none, cwd, put(scratch, `${folder}/none`), noFollow, mask, scratch.address + other);
  assertEquals(results(ring), { 1: 0, 2: 0, 3: errno.noEntry });
  const { view } = scratch;
  const expected = Deno.statSync(`${folder}/file`);
  assertEquals(view.getBigUint64(file + statx.bytes, true), 5n);
  assertEquals(view.getBigUint64(file + statx.inode, true), BigInt(expected.ino!));
  assertEquals(view.getUint16(file + statx.mode, true), expected.mode);
  assertEquals(view.getBigInt64(file + statx.mtime, true), 1_500_000_000n);
  assertEquals(view.getUint32(file + statx.mtime + statx.nanoseconds, true), 250_000_000);
  assertEquals(view.getUint16(other + statx.mode, true) & fileKind.mask, fileKind.link);
});

ringTest("openat2 refuses to leave the directory and to follow a link", (ring, folder) => {
  const scratch = ring.scratch(4096);
  Deno.symlinkSync("/etc", `${folder}/link`);
  ring.openat(1, none, atFlag.workingDirectory, put(scratch, folder), openFlag.path | openFlag.directory, 0);
  const directory = results(ring)[1]!;
  const beneath = resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks;
  const how = scratch.putOpenHow(openFlag.readOnly, 0, beneath);
  ring.openat2(2, none, directory, put(scratch, "../etc"), how);
  ring.openat2(3, none, directory, put(scratch, "link/passwd"), how);
  assertEquals(results(ring), { 2: errno.crossDevice, 3: errno.loop });
  ring.close(4, none, directory);
  results(ring);
});

ringTest("A descriptor put into a slot is read through the slot", (ring, folder) => {
  const scratch = ring.scratch(4096);
  Deno.writeTextFileSync(`${folder}/file`, "by slot");
  ring.openat(1, none, atFlag.workingDirectory, put(scratch, `${folder}/file`), openFlag.readOnly, 0);
  const fd = results(ring)[1]!;
  ring.registerFile(4, fd);
  ring.close(2, none, fd);
  results(ring);
  const at = scratch.take(7);
  ring.read(3, fixedFile, 4, scratch.address + at, 7, 0);
  assertEquals(results(ring), { 3: 7 });
  assertEquals(new TextDecoder().decode(scratch.bytes.subarray(at, at + 7)), "by slot");
  ring.registerFile(4, -1);
  ring.read(3, fixedFile, 4, scratch.address + at, 7, 0);
  assertEquals(results(ring), { 3: errno.badDescriptor });
  assertThrows(() => ring.registerFile(8, -1), Error, "cannot register");
});

ringTest("The ring takes as many operations as it has entries, and not one more", (ring) => {
  for (let token = 0; token < 16; token += 1) ring.nop(token, none);
  assertEquals(ring.room, 0);
  assertThrows(() => ring.nop(16, none), Error, "has room");
  ring.submit();
  assertEquals(ring.room, 0, "submitting makes no room");
  assertThrows(() => ring.nop(16, none), Error, "has room");
  assertEquals(Object.keys(results(ring)).length, 16);
  assertEquals(ring.room, 16);
});

ringTest("Every token comes back once, over many turns of the ring", (ring) =>
  withSeed((random) => {
    const open = new Set<number>();
    let next = 0xffffff00; // and across the end of 32 bits
    for (let turn = 0; turn < 2000; turn += 1) {
      for (let count = Math.floor(random() * (ring.room + 1)); count > 0; count -= 1) {
        open.add(next);
        ring.nop(next, none);
        next = (next + 1) >>> 0;
      }
      if (random() < 0.7) ring.submit();
      if (random() < 0.7) {
        ring.reap((token, result) => {
          assertEquals(result, 0);
          assert(open.delete(token), "a token that is open");
        });
      }
    }
    ring.drain((token) => assert(open.delete(token)));
    assertEquals(open.size, 0);
  }));

ringTest("A callback that throws loses only its own completion", (ring) => {
  for (let token = 0; token < 4; token += 1) ring.nop(token, none);
  ring.submit();
  assertThrows(() =>
    ring.reap((token) => {
      if (token === 1) throw new RangeError("mine");
    }), RangeError);
  assertEquals(ring.inFlight, 2);
  assertEquals(results(ring), { 2: 0, 3: 0 });
});

ringTest("A callback may claim, submit and reap", (ring) => {
  const seen: number[] = [];
  const on = (token: number) => {
    seen.push(token);
    if (token >= 8) return;
    ring.nop(token + 4, none);
    ring.submit();
    if (token === 2) ring.reap(on);
  };
  for (let token = 0; token < 4; token += 1) ring.nop(token, none);
  ring.submit();
  ring.reap(on);
  ring.drain(on);
  assertEquals(seen.sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});
