import { assertEquals } from "@std/assert";
import type { SendBatch } from "../source/batch.ts";
import { SettlingFiles } from "./settling_files.ts";

/** A file whose change time is so many milliseconds ago, to the nanosecond. */
function changed(msAgo: number): { batch: SendBatch; entry: number } {
  const ctimeNs = BigInt(Date.now() - msAgo) * 1_000_000n + 1n;
  const columns = { identity: () => ({ ctimeNs }) };
  return { batch: { columns } as unknown as SendBatch, entry: 0 };
}

Deno.test("SettlingFiles lets a file be read at once, or when another change of it would be seen", async () => {
  const files = new SettlingFiles();
  const used: string[] = [];
  const settled = Promise.withResolvers<void>();
  files.add(changed(0), () => {
    used.push("new");
    settled.resolve();
  });
  files.add(changed(60_000), () => used.push("old"));
  assertEquals(used, ["old"]);
  await settled.promise;
  assertEquals(used, ["old", "new"]);
});

Deno.test("SettlingFiles waits for nothing once the session has ended", () => {
  const files = new SettlingFiles();
  files.add(changed(0), () => {
    throw new Error("it was to be forgotten");
  });
  files.end();
  files.add(changed(0), () => {
    throw new Error("it came too late");
  });
});
