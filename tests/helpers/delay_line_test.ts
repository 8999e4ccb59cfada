import { assert, assertEquals } from "@std/assert";
import { type ByteSink, type ByteSource, DelayLine } from "./delay_line.ts";
import { withSeed } from "./random.ts";

/** Keeps what comes, and takes at most so much at a time. */
class Collector implements ByteSink {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  readonly #mostAtOnce: number;

  constructor(mostAtOnce: number) {
    this.#mostAtOnce = mostAtOnce;
  }

  write(bytes: Uint8Array): Promise<number> {
    const taken = bytes.slice(0, this.#mostAtOnce);
    this.chunks.push(taken);
    return Promise.resolve(taken.length);
  }

  closeWrite(): Promise<void> {
    this.ended = true;
    return Promise.resolve();
  }
}

function sourceOf(bytes: Uint8Array, mostAtOnce: () => number): ByteSource {
  let at = 0;
  return {
    read(target) {
      if (at === bytes.length) return Promise.resolve(null);
      const count = Math.min(Math.max(1, mostAtOnce()), target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + count));
      at += count;
      return Promise.resolve(count);
    },
  };
}

Deno.test("a delay line carries every byte in order, through a window smaller than the stream", async () => {
  await withSeed(async (random) => {
    const bytes = new Uint8Array(10_007).map(() => random() * 256);
    const line = new DelayLine({ delayMs: 1, windowBytes: 1000 });
    const sink = new Collector(300);
    await line.run(sourceOf(bytes, () => Math.floor(random() * 900)), sink);
    assertEquals(new Uint8Array(await new Blob(sink.chunks as BlobPart[]).arrayBuffer()), bytes);
    assertEquals([line.bytes, sink.ended], [bytes.length, true]);
  });
});

Deno.test("a delay line never has more than its window under way, nor delivers before the delay", async () => {
  const delayMs = 5;
  let underWay = 0;
  const takenAtMs: number[] = [];
  const line = new DelayLine({
    delayMs,
    windowBytes: 100,
    onTaken: (count) => {
      underWay += count;
      assert(underWay <= 100, `${underWay} bytes are under way`);
      return takenAtMs.push(performance.now()) - 1;
    },
    onDelivered: (count, mark) => {
      underWay -= count;
      assert(performance.now() - takenAtMs[mark]! >= delayMs, "the delay was kept");
    },
  });
  const sink = new Collector(1000);
  await line.run(sourceOf(new Uint8Array(500), () => 40), sink);
  assertEquals([line.bytes, underWay], [500, 0]);
});
