/** Disks of ext4 and XFS as a loss of power leaves them; the longer form is `deno task soak:power`. */
import { assert } from "@std/assert";
import { whyNoFileSystem } from "../helpers/file_systems.ts";
import { whyNoQuietNetwork } from "../helpers/quiet_network.ts";

const why = whyNoFileSystem({ kind: "xfs" }) ?? whyNoFileSystem({ kind: "odd" }) ?? whyNoQuietNetwork();
Deno.test({
  name: "after a loss of power nothing wrong looks right, and the copy goes on from there" +
    (why === undefined ? "" : ` (skipped: ${why})`),
  ignore: why !== undefined,
  async fn() {
    const soak = new URL("../soak/power_loss.ts", import.meta.url).pathname;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", soak, "--seconds", "4", "--losses", "3", "--turns"],
    }).output();
    assert(success, [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n"));
  },
});
