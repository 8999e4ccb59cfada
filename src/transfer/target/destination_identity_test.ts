import { assertEquals } from "@std/assert";
import { DestinationIdentity } from "./destination_identity.ts";

Deno.test("DestinationIdentity recognises a directory by device, inode, boot and nonce, and nothing else", () => {
  const nonce = new Uint8Array(16).fill(1);
  const hash = new DestinationIdentity(nonce, ["boot"]).hash(5, 7n);
  const matches = (device: number, inode: bigint, bootIds: string[], withNonce = nonce) =>
    new DestinationIdentity(withNonce, bootIds).matches(hash, device, inode);
  assertEquals(matches(5, 7n, ["boot"]), true);
  assertEquals(matches(5, 7n, ["other", "boot"]), true);
  assertEquals(matches(6, 7n, ["boot"]), false);
  assertEquals(matches(5, 8n, ["boot"]), false);
  assertEquals(matches(5, 7n, ["other"]), false);
  assertEquals(matches(5, 7n, []), false);
  assertEquals(matches(5, 7n, ["boot"], new Uint8Array(16)), false);
});
