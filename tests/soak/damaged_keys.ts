/**
 * Damages keys, signatures and key files of OpenSSH for as long as it is told (120 seconds unless an argument says
 * otherwise), and stops at the first that is neither read nor refused as it should be. Prints the seed. The keys are new
 * each time: a failure prints the bytes that led to it.
 */
import { sshInputs, tryDamaged } from "../fuzz/ssh_inputs.ts";
import { randomFrom, testSeed } from "../helpers/random.ts";

const seconds = Number(Deno.args[0] ?? 120);
const seed = testSeed();
console.log(`fuzz:ssh: ${seconds} s with RCOPY_TEST_SEED=${seed}`);
const random = randomFrom(seed);
const inputs = await sshInputs();
const deadline = performance.now() + seconds * 1000;
let tried = 0;
while (performance.now() < deadline) {
  for (const input of inputs) await tryDamaged(input, random);
  tried += inputs.length;
}
console.log(`fuzz:ssh: ${tried} inputs, every one read or refused as it should be`);
