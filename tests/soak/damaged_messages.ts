/**
 * Damages valid messages for as long as it is told (120 seconds unless an argument says otherwise), and stops at the
 * first that a decoder answers with anything but a message or a protocol error, or too late. Prints the seed.
 */
import fc from "fast-check";
import { encodeMessage, FrameKind } from "../../src/wire/message.ts";
import { encodeFrame } from "../../src/wire/frame.ts";
import { controlMessage, dataMessage } from "../fuzz/message_arbitraries.ts";
import { mutate, tryEveryDecoder } from "../fuzz/mutations.ts";
import { randomFrom, testSeed } from "../helpers/random.ts";

const seconds = Number(Deno.args[0] ?? 120);
const seed = testSeed();
console.log(`fuzz: ${seconds} s with RCOPY_TEST_SEED=${seed}`);
const random = randomFrom(seed);
const deadline = performance.now() + seconds * 1000;
let inputs = 0;
for (let round = 0; performance.now() < deadline; round++) {
  for (
    const message of fc.sample(fc.oneof(controlMessage, dataMessage), { numRuns: 100, seed: seed + round })
  ) {
    const kind = FrameKind[message.kind];
    const forms = [encodeFrame(message), encodeMessage(message)];
    for (let i = 0; i < 100; i++) {
      const form = forms[i & 1]!;
      tryEveryDecoder(mutate(form, random), kind);
      inputs++;
    }
  }
}
console.log(`fuzz: ${inputs} inputs, every one read or refused as it should be`);
