/** `--delta` over data connections that break or are slow. */
import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import type { MemoryChannelOptions } from "../helpers/memory_channel.ts";
import { randomFrom } from "../helpers/random.ts";
import { runSessionPair, type SessionPairOptions } from "../helpers/session_pair.ts";
import { assertSameTree, withTwoDirectories } from "../helpers/small_tree.ts";

const mib = 1024 * 1024;

/** An image in `source`, and an older one in `target`, of which one byte in each of so many places is another. */
function makeVersions(
  source: string,
  target: string,
  { size, places }: { size: number; places: number },
): void {
  const random = randomFrom(7);
  const image = new Uint8Array(size);
  for (let i = 0; i < size; i++) image[i] = (i >> 12) * 31 + i;
  Deno.writeFileSync(`${source}/image`, image);
  for (let i = 0; i < places; i++) image[Math.floor(random() * size)]! ^= 1;
  Deno.writeFileSync(`${target}/image`, image);
  Deno.utimeSync(`${target}/image`, 1, 1);
}

/** Copies, and gives the receiver's summary, with which the sender agrees. */
async function copy(options: SessionPairOptions) {
  const { sent, received } = await runSessionPair(options);
  if (sent.status === "rejected") throw sent.reason;
  if (received.status === "rejected") throw received.reason;
  for (const what of ["treeHash", "matchedBytes", "keptBytes", "bytes"] as const) {
    assertEquals(sent.value[what], received.value[what], what);
  }
  assertEquals([received.value.files, received.value.failed], [1, 0]);
  await assertSameTree(options.source, options.target);
  return received.value;
}

/** Breaks in the middle of the frame that brings it to so many bytes. */
function breaksAfter(bytes: number): MemoryChannelOptions {
  let seen = 0;
  return {
    windowBytes: 512 * 1024,
    tamper: (chunk) => {
      seen += chunk.length;
      if (seen > bytes) throw new RcopyError("peer-lost", "the cable was cut");
    },
  };
}

for (const bytes of [0, 100_000, 1_500_000]) {
  Deno.test(`one of two data connections breaks after ${bytes} bytes of patches, and the file is whole`, async () => {
    await withTwoDirectories(async (source, target) => {
      makeVersions(source, target, { size: 36 * mib + 5, places: 60 });
      const { matchedBytes } = await copy({
        source,
        target,
        delta: "always",
        lanes: [{}, breaksAfter(bytes)],
      });
      assert(matchedBytes >= 36 * mib + 5 - 60 * 128 * 1024, `${matchedBytes} bytes`);
    });
  });
}

Deno.test("a patch that is damaged on its way is asked for again, and comes whole", async () => {
  await withTwoDirectories(async (source, target) => {
    makeVersions(source, target, { size: 20 * mib, places: 5 });
    let isDone = false;
    const tamper = (bytes: Uint8Array<ArrayBuffer>) => {
      if (isDone || bytes.length < 100_000) return;
      isDone = true;
      bytes[50_000]! ^= 1;
    };
    const { matchedBytes } = await copy({ source, target, delta: "always", lanes: [{ tamper }] });
    assertEquals(isDone, true);
    assert(matchedBytes > 14 * mib && matchedBytes < 16 * mib, `${matchedBytes} bytes`);
  });
});

Deno.test("--delta auto uses the older version of a file that is under way, once the network is slow", async () => {
  await withTwoDirectories(async (source, target) => {
    makeVersions(source, target, { size: 40 * mib, places: 5 });
    // 4 MB a second.
    const beforeRead = () => new Promise<void>((resolve) => setTimeout(resolve, 16));
    const lanes = [{ readBytesMax: 64 * 1024, beforeRead }];
    const { matchedBytes } = await copy({ source, target, delta: "auto", lanes });
    assert(matchedBytes > 4 * mib, `${matchedBytes} bytes`);
  });
});
