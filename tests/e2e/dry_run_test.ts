/** `--dry-run`: what would come is listed, and nothing is written. */
import { assertEquals, assertMatch } from "@std/assert";
import { type CopyOptions, type Outcome, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { recordTree } from "../helpers/tree_record.ts";
import { startTicketSender } from "../helpers/ticket_copy.ts";
import { RcopyProcess } from "../helpers/rcopy_process.ts";

/** What a receiver says in a dry run, of a sender that is ended then. */
async function dryRun(options: CopyOptions): Promise<Outcome> {
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  await using receiver = startReceiver(
    { ...options, receive: ["--dry-run", ...options.receive ?? []] },
    address,
  );
  return await receiver.end();
}

testEngines("a dry run lists a single file and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "content");
    const options = { source: `${folder}/file`, target: `${folder}/target`, send: ["--io", io] };
    const received = await dryRun({ ...options, receive: ["--io", io] });
    assertEquals(received.status, 0, received.stderr);
    assertMatch(received.stdout, /^file\t7 B\ttarget$/m);
    assertEquals(await shell('ls -A "$1"', folder), "file\n");
  });
});

testEngines("a dry run lists a directory and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/source/a/b" && echo x > "$1/source/a/b/c" && ln -s a "$1/source/l"', folder);
    const options = { source: `${folder}/source`, target: `${folder}/target`, send: ["--io", io] };
    const received = await dryRun({ ...options, receive: ["--io", io] });
    assertEquals(received.status, 0, received.stderr);
    const paths = received.stdout.trim().split("\n").map((line) => line.split("\t")[2]);
    assertEquals(paths.sort(), ["a", "a/b", "a/b/c", "l"]);
    assertEquals(await shell('ls -A "$1"', folder), "source\n");
  });
});

testEngines(
  "a dry run into a tree changes nothing in it: no mode, no time, no file of its own",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p a/shut a/open b/shut b/open && echo new > a/shut/f && echo 12345 > a/open/same && echo new > a/open/other &&
      echo 12345 > b/open/same && echo old > b/open/other && touch -d @1500000000.5 b/open/same && touch -d @1500000000 b/open/other &&
      chmod 0400 b/shut`,
        folder,
      );
      const before = await recordTree(`${folder}/b`);
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
      assertEquals((await dryRun({ ...options, receive: ["--io", io] })).status, 0);
      const after = await recordTree(`${folder}/b`);
      assertEquals([...after.entries()].sort(), [...before.entries()].sort());
    });
  },
);

Deno.test("a dry run does not spend the ticket, and the sender says what it was", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    for (const _ of [1, 2]) {
      await using looking = new RcopyProcess(["receive", "--dry-run", ticket, `${folder}/b`]);
      const { status, stdout, stderr } = await looking.end();
      assertEquals([status, stdout], [0, "file\t2 B\tfile\n"], stderr);
    }
    await sender.stderrMatch(/looked at what would be copied \(--dry-run\), and took nothing; still waiting/);
    await using receiver = new RcopyProcess(["receive", ticket, `${folder}/b`]);
    assertEquals((await receiver.end()).status, 0);
    const sent = await sender.end();
    assertEquals(sent.status, 0);
    assertMatch(sent.stderr, /sent 1 file/);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});
