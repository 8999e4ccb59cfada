/** `--keep`: a sender that serves more than one receiver. */
import { assertEquals } from "@std/assert";
import { type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, shell, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender } from "../helpers/ticket_copy.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    makeSmallTree(`${folder}/a`, {
      directories: 4,
      filesPerDirectory: 8,
      sizeOf: (r) => Math.floor(r * 20_000),
    });
    await shell('head -c 9000000 /dev/urandom > "$1/a/large"', folder);
    await body(folder);
  });
}

async function run(args: string[], options = {}): Promise<Outcome> {
  await using process = new RcopyProcess(args, options);
  return await process.end();
}

Deno.test("--keep serves receivers side by side and one after the other, with one ticket", async () => {
  await withTree(async (folder) => {
    const kept = await startTicketSender(["--keep", `${folder}/a`]);
    await using _kept = kept.sender;
    const both = await Promise.all([
      run(["receive", kept.ticket, `${folder}/d`]),
      run(["receive", kept.ticket, `${folder}/e`]),
    ]);
    for (const one of both) assertStatus(one, 0);
    assertStatus(await run(["receive", kept.ticket, `${folder}/f`]), 0);
    kept.sender.kill("SIGINT");
    assertStatus(await kept.sender.end(), 130);
    for (const name of ["d", "e", "f"]) {
      await assertEqualTrees(`${folder}/a`, `${folder}/${name}`, comparisonOf());
    }
  });
});

function assertStatus(outcome: Outcome, status: number): void {
  assertEquals(outcome.status, status, `${outcome.stdout}${outcome.stderr}`);
}
