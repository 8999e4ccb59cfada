import { assertEquals, assertRejects } from "@std/assert";
import { BorrowedFiles } from "./borrowed_files.ts";

/** Files by their numbers, and what was opened and closed. */
function borrowed() {
  const log: string[] = [];
  const files = new BorrowedFiles<number>(
    ({ id }) => {
      log.push(`open ${id}`);
      return id;
    },
    (id) => log.push(`close ${id}`),
  );
  return { files, log, use: (id: number) => files.with({ id }, (file) => file) };
}

Deno.test("BorrowedFiles opens a file once as long as it is among the last few in use", async () => {
  const { log, use } = borrowed();
  for (const id of [1, 2, 3, 4, 1, 2]) assertEquals(await use(id), id);
  assertEquals(log, ["open 1", "open 2", "open 3", "open 4"]);
  await use(5);
  assertEquals(log.slice(4), ["open 5", "close 3"], "the one that was not used for longest");
  await use(3);
  assertEquals(log.slice(6), ["open 3", "close 4"]);
});

Deno.test("BorrowedFiles keeps every file open that is in use, however many these are", async () => {
  const { files, log, use } = borrowed();
  const ends = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
  const uses = ends.map(({ promise }, id) => files.with({ id }, () => promise));
  await use(6);
  files.closeAll();
  assertEquals(log.filter((line) => line.startsWith("close")), ["close 6"]);
  for (const { resolve } of ends) resolve();
  await Promise.all(uses);
  assertEquals(log.filter((line) => line.startsWith("close")).length, 3, "four of seven stay");
  files.closeAll();
  assertEquals(log.filter((line) => line.startsWith("close")).length, 7);
});

Deno.test("BorrowedFiles lets go of a file whose use failed", async () => {
  const { files, log } = borrowed();
  await assertRejects(() => files.with({ id: 1 }, () => Promise.reject(new Error("says the test"))));
  files.closeAll();
  assertEquals(log, ["open 1", "close 1"]);
});
