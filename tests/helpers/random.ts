/** Random numbers that can be had again. */

/** Seed of a test: from the environment to replay a run, else a new one. The test prints it when it fails. */
export function testSeed(): number {
  const wanted = Deno.env.get("RCOPY_TEST_SEED");
  return wanted === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(wanted) >>> 0;
}

/** A small generator (mulberry32): numbers from 0 up to and without 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Runs a test body with a seed and names the seed in whatever it throws. */
export async function withSeed(
  body: (random: () => number, seed: number) => Promise<void> | void,
): Promise<void> {
  const seed = testSeed();
  try {
    await body(randomFrom(seed), seed);
  } catch (cause) {
    throw new Error(
      `failed with RCOPY_TEST_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
