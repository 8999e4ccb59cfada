/** `--check`: what is there is compared by its content, whatever its size and time say. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Codec } from "../../src/codec/codec.ts";
import { parseEntryName } from "../../src/entry/name.ts";
import { journalName, temporaryName } from "../../src/entry/temporary_name.ts";
import { encodeHeader, slotOffset, Slots, SlotState } from "../../src/transfer/journal/journal_format.ts";
import { stampOf } from "../../src/transfer/source/stamp.ts";
import { extentBytes } from "../../src/wire/limits.ts";
import { untilOld } from "../helpers/old_file.ts";
import {
  assertStatuses,
  copyTree,
  RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** The last event of a run with `--json`. */
function summaryOf({ stdout }: { stdout: string }) {
  return stdout.trim().split("\n").map((line) => JSON.parse(line)).find(({ type }) => type === "done")
    .summary;
}

/** Small and large files in `a`, and the same in `b` with the same times. */
const sameTwice =
  `cd "$1" && mkdir -p a/d && for i in $(seq 50); do echo "file $i" > a/d/$i; done && : > a/empty &&
  (printf head && head -c 2999996 /dev/urandom) > a/medium && (printf head && head -c 12999996 /dev/urandom) > a/large && ln -s medium a/link &&
  cp -a a b`;

/** Changes of one byte each that size and time do not show. */
const hidden = `cd "$1/b" && for f in d/7 d/31 medium large; do
  cp -p "$f" ../time && printf X | dd of="$f" bs=1 seek=3 conv=notrunc status=none && touch -r ../time "$f"; done`;

for (const [turn, side] of (["send", "receive"] as const).entries()) {
  testEngines(
    `--check of ${side} finds what differs under the same size and time, and copies that alone`,
    async (io) => {
      await withFolder(async (folder) => {
        await shell(sameTwice, folder);
        await shell(hidden, folder);
        const json = ["--io", io, "--json"];
        const without = { source: `${folder}/a`, target: `${folder}/b`, send: json, receive: json };
        const blind = await copyTree(without);
        assertStatuses(blind, 0);
        assertEquals([summaryOf(blind.received).files, summaryOf(blind.received).compared], [0, 0]);

        const checked = await copyTree({ ...without, [side]: [...json, "--check"] });
        assertStatuses(checked, 0);
        for (const end of [checked.sent, checked.received]) {
          const { files, bytes, compared, skipped, failed } = summaryOf(end);
          assertEquals([files, bytes, compared, skipped, failed], [
            4,
            13_000_000 + 3_000_000 + 7 + 8,
            53,
            50,
            0,
          ]);
        }
        await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);

        const again = await copyTree({ ...without, [side]: [...json, "--check"] });
        assertStatuses(again, 0);
        const { files, compared, skipped, wireBytes } = summaryOf(again.received);
        assertEquals([files, compared, skipped], [0, 53, 54]);
        assert(wireBytes < 100_000, `${wireBytes} bytes on the wire`);
      });
    },
    { turn },
  );
}

testEngines("--check leaves equal content under another time, and gives it time and mode", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell('cd "$1/b" && touch -d 2001-02-03 d/5 large medium && chmod 600 d/6 large', folder);
    const before = await shell('stat -c "%i %n" "$1"/b/d/5 "$1"/b/d/6 "$1"/b/large "$1"/b/medium', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const outcome = await copyTree({ ...options, receive: ["--io", io, "--check", "--json"] });
    assertStatuses(outcome, 0);
    const { files, compared } = summaryOf(outcome.received);
    assertEquals([files, compared], [0, 53]);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    assertEquals(
      await shell('stat -c "%i %n" "$1"/b/d/5 "$1"/b/d/6 "$1"/b/large "$1"/b/medium', folder),
      before,
    );
  });
});

testEngines("--check with --dry-run names what differs, and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell(hidden, folder);
    await shell('cd "$1" && touch -d 2001-02-03 b/d/5 && echo new > a/new && cp -a b c', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const dry = { ...options, receive: ["--io", io, "--check", "--dry-run", "--json"] };
    // A sender waits on after a dry run; it ends with its process here.
    const { sender, address } = await startSender(dry);
    await using _sender = sender;
    await using receiver = startReceiver(dry, address);
    const received = await receiver.end();
    assertEquals(received.status, 0, received.stderr);
    const planned = received.stdout.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ type }) => type === "planned").map(({ path }) => path).sort();
    assertEquals(planned, ["d/31", "d/7", "large", "medium", "new"], received.stdout + received.stderr);
    await assertEqualTrees(`${folder}/b`, `${folder}/c`, { mtimeStepNs: 1, linkTimes: true });
  });
});

testEngines(
  "--check reads nothing where --exists decides alone, and says how many files it compared",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(sameTwice, folder);
      await shell(hidden, folder);
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
      const kept = await copyTree({
        ...options,
        send: ["--io", io, "--check"],
        receive: ["--io", io, "--exists", "skip", "--json"],
      });
      assertStatuses(kept, 0);
      assertEquals([summaryOf(kept.received).files, summaryOf(kept.received).compared], [0, 0]);
      assertMatch(
        kept.received.stdout,
        /the sender asks for --check; with --exists skip here nothing is compared/,
      );
      const outcome = await copyTree({ ...options, receive: ["--io", io, "--check"] });
      for (const { stderr } of [outcome.sent, outcome.received]) assertMatch(stderr, /53 files compared/);
    });
  },
);

Deno.test("--check and an --exists that compares nothing exclude each other", async () => {
  for (const exists of ["skip", "newer", "replace", "fail"]) {
    await using receiver = new RcopyProcess([
      "receive",
      "--insecure",
      "-a",
      "[::1]:9",
      "--check",
      "--exists",
      exists,
      "x",
    ]);
    const { status, stderr } = await receiver.end();
    assertEquals(status, 2);
    assertMatch(stderr, new RegExp(`with --exists ${exists} nothing is compared; leave out one of the two`));
  }
});

testEngines("--check replaces what is of another kind or size", async (io) => {
  await withFolder(async (folder) => {
    await shell(sameTwice, folder);
    await shell(
      'cd "$1" && rm b/d/9 && mkfifo b/d/9 && truncate -s 5 b/d/10 && rm -r b/large && ln -s nowhere b/large',
      folder,
    );
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io, "--check"] }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});

/** What an interrupted copy of `a/large` left in `b`: extents of `content`, all but the last, and a journal that says they are on the disk. */
async function leavePart(io: string, folder: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
  const codec = Codec.open({ arenaBytes: 0 });
  const part = temporaryName(parseEntryName(new TextEncoder().encode("large")));
  const ctime = await shell('stat -c "%.Z" "$1/a/large"', folder);
  const [seconds, nanos] = ctime.trim().split(".");
  // The portable engine sees milliseconds.
  const seen = BigInt(Deno.lstatSync(`${folder}/a/large`).ctime!.getTime()) * 1_000_000n;
  const exact = BigInt(seconds!) * 1_000_000_000n + BigInt(nanos!);
  const stamp = stampOf({ ctimeNs: io === "uring" ? exact : seen });
  const mtime = { seconds: 1_700_000_000, nanos: 0 };
  const header = encodeHeader(codec, { part, size: content.length, mtime, stamp, hasBase: false });
  const slots = new Slots(codec, header);
  const extents = Math.floor(content.length / extentBytes);
  const journal = new Uint8Array(slotOffset(extents));
  journal.set(header);
  for (let index = 0; index < extents; index++) {
    const hash = codec.hashOf(content.slice(index * extentBytes, (index + 1) * extentBytes));
    journal.set(slots.encode({ index, hash, state: SlotState.synced }), slotOffset(index));
  }
  const name = new TextDecoder().decode(part);
  await Deno.writeFile(`${folder}/b/${name}`, content.slice(0, extents * extentBytes));
  await shell('chmod 1600 "$1"', `${folder}/b/${name}`);
  await Deno.writeFile(`${folder}/b/${new TextDecoder().decode(journalName(part))}`, journal, {
    mode: 0o600,
  });
}

for (
  const [what, isSame, hasOlder] of [
    ["is the sender's", true, false],
    ["is not the sender's", false, false],
    ["is the sender's, beside an older version", true, true],
    ["is not the sender's, beside an older version", false, true],
  ] as const
) {
  testEngines(`--check reads what is kept of an interrupted copy, which ${what}`, async (io) => {
    await withFolder(async (folder) => {
      await shell(
        'cd "$1" && mkdir a b && head -c "$2" /dev/urandom > a/large && touch -d @1700000000 a/large && : > b/other',
        folder,
        String(hasOlder ? 17_000_000 : 13_000_000),
      );
      await untilOld(`${folder}/a/large`, io);
      const content = await Deno.readFile(`${folder}/a/large`);
      if (!isSame) content[extentBytes + 5]! ^= 1;
      await leavePart(io, folder, content);
      const older = await Deno.readFile(`${folder}/a/large`);
      const keptExtents = Math.floor(content.length / extentBytes);
      for (const at of [2 * extentBytes + 7, keptExtents * extentBytes + 7]) older[at]! ^= 1;
      if (hasOlder) await Deno.writeFile(`${folder}/b/large`, older);
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io, "--json"] };
      const outcome = await copyTree({
        ...options,
        receive: ["--io", io, "--check", "--json", "--delta", hasOlder ? "always" : "auto"],
      });
      assertStatuses(outcome, 0);
      assertEquals(await shell('cmp "$1/a/large" "$1/b/large" && ls -A "$1/b"', folder), "large\nother\n");
      for (const end of [outcome.sent, outcome.received]) {
        const { files, bytes, keptBytes, matchedBytes, compared, wireBytes } = summaryOf(end);
        assertEquals([files, bytes, compared], [1, content.length, 1]);
        assertEquals(keptBytes, isSame ? keptExtents * extentBytes : 0);
        const changedBytes = (isSame ? 1 : 2) * 128 * 1024;
        const lastBytes = content.length - keptExtents * extentBytes;
        assertEquals(matchedBytes, hasOlder ? (isSame ? lastBytes : content.length) - changedBytes : 0);
        assert(
          isSame || hasOlder ? wireBytes < 2 * extentBytes : wireBytes > content.length,
          `${wireBytes} bytes on the wire`,
        );
      }
    });
  });
}
