/** A data connection that breaks or stands still costs its content nothing while others are left. */
import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import type { TransferEvent, TransferSummary } from "../../src/transfer/session/events.ts";
import type { MemoryChannelOptions } from "../helpers/memory_channel.ts";
import { runSessionPair, type SessionPairResult } from "../helpers/session_pair.ts";
import { assertSameTree, makeSmallTree, withTwoDirectories } from "../helpers/small_tree.ts";

/** Large and small files, enough for every lane to have some on its way. */
function makeTree(source: string): void {
  makeSmallTree(source, { directories: 6, filesPerDirectory: 10, sizeOf: (r) => r * r * 9_000_000 });
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

/** Carries so many bytes, and then no more, without a word, until it is freed. */
function standsAfter(bytes: number): { lane: MemoryChannelOptions; free: () => void } {
  const freed = Promise.withResolvers<void>();
  let read = 0;
  const beforeRead = () => {
    read += 64 * 1024;
    return read > bytes ? freed.promise : undefined;
  };
  return { lane: { readBytesMax: 64 * 1024, beforeRead }, free: freed.resolve };
}

function agreed({ sent, received }: SessionPairResult): TransferSummary {
  if (sent.status === "rejected") throw sent.reason;
  if (received.status === "rejected") throw received.reason;
  assertEquals(sent.value.treeHash, received.value.treeHash);
  assertEquals([sent.value.failed, received.value.failed], [0, 0]);
  return received.value;
}

for (const bytes of [0, 100_000, 5_000_000, 20_000_000]) {
  Deno.test(`one of three data connections breaks after ${bytes} bytes, and everything arrives`, async () => {
    await withTwoDirectories(async (source, target) => {
      makeTree(source);
      const notes: string[] = [];
      const onSenderEvent = (event: TransferEvent) => event.type === "note" && notes.push(event.message);
      agreed(await runSessionPair({ source, target, lanes: [{}, breaksAfter(bytes), {}], onSenderEvent }));
      await assertSameTree(source, target);
      assert(notes.some((note) => /its content goes over the 2 others/.test(note)), notes.join("\n"));
    });
  });
}

Deno.test("a data connection that carries nothing any more does not keep the others from ending", async () => {
  await withTwoDirectories(async (source, target) => {
    makeTree(source);
    const { lane, free } = standsAfter(300_000);
    // The hanging read belongs to the test, which ends it once everything has its final name, and not before.
    const looking = setInterval(() => {
      if (namesBelow(target) === namesBelow(source)) free();
    }, 100);
    try {
      agreed(await runSessionPair({ source, target, lanes: [{}, lane, {}] }));
    } finally {
      clearInterval(looking);
      free();
    }
    await assertSameTree(source, target);
  });
});

Deno.test("a session whose last data connection breaks is lost, for both ends", async () => {
  await withTwoDirectories(async (source, target) => {
    makeTree(source);
    const lanes = [breaksAfter(3_000_000), breaksAfter(6_000_000)];
    const { sent, received } = await runSessionPair({ source, target, lanes });
    assertEquals([codeOf(sent), codeOf(received)], ["peer-lost", "peer-lost"]);
  });
});

/** All paths, as far as they can be listed while they appear. */
function namesBelow(folder: string, prefix = ""): string {
  const names: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    names.push(prefix + name);
    if (isDirectory) names.push(namesBelow(`${folder}/${name}`, `${prefix}${name}/`));
  }
  return names.sort().join("\n");
}

function codeOf(result: PromiseSettledResult<TransferSummary>): string {
  return result.status === "rejected" ? (result.reason as RcopyError).code : "done";
}
