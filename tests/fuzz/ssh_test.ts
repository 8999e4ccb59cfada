/** A short run of what `deno task fuzz:ssh` does for as long as it is told. */
import { testWhere } from "../helpers/test_folder.ts";
import { withSeed } from "../helpers/random.ts";
import { sshInputs, tryDamaged } from "./ssh_inputs.ts";

testWhere(
  { programs: ["ssh-keygen"] },
  "damaged keys, signatures and key files are read or refused, never more",
  async () => {
    const inputs = await sshInputs();
    for (const input of inputs) await input.read(input.bytes);
    await withSeed(async (random) => {
      for (let round = 0; round < 20; round++) for (const input of inputs) await tryDamaged(input, random);
    });
  },
);
