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
    assertMatch(received.stdout, /^new\tfile\t7 B\ttarget$/m);
    assertEquals(await shell('ls -A "$1"', folder), "file\n");
  });
});

testEngines("a dry run lists a directory and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/source/a/b" && echo x > "$1/source/a/b/c" && ln -s a "$1/source/l"', folder);
    const options = { source: `${folder}/source`, target: `${folder}/target`, send: ["--io", io] };
    const received = await dryRun({ ...options, receive: ["--io", io] });
    assertEquals(received.status, 0, received.stderr);
    const paths = received.stdout.trim().split("\n").map((line) => line.split("\t")[3]);
    assertEquals(paths.sort(), ["a", "a/b", "a/b/c", "l"]);
    assertMatch(
      received.stderr,
      /would copy 1 file, 2 directories, 1 link, 2 B; nothing was written$/m,
    );
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
      const received = await dryRun({ ...options, receive: ["--io", io] });
      assertEquals(received.status, 0, received.stderr);
      assertMatch(received.stdout, /^new\tfile\t4 B\tshut\/f$/m);
      assertMatch(received.stdout, /^replace\tfile\t4 B\topen\/other$/m);
      assertMatch(received.stderr, /would copy 3 files, 14 B, 2 of them in the place of others, /);
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
      assertEquals([status, stdout], [0, "new\tfile\t2 B\tfile\n"], stderr);
    }
    await sender.stderrMatch(/would copy 1 file, 2 B; nothing was written/);
    await sender.stderrMatch(/looked at what would be copied \(--dry-run\), and took nothing; still waiting/);
    await using receiver = new RcopyProcess(["receive", ticket, `${folder}/b`]);
    assertEquals((await receiver.end()).status, 0);
    const sent = await sender.end();
    assertEquals(sent.status, 0);
    assertMatch(sent.stderr, /sent 1 file/);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

Deno.test("a dry run with --check says how many files were compared, and how many of them differ", async () => {
  await withFolder(async (folder) => {
    const make =
      'cd "$1" && mkdir a b && echo 1 > a/same && cp -p a/same b/same && echo 2 > a/other && echo 3 > b/other';
    await shell(make, folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { status, stdout, stderr } = await dryRun({ ...options, receive: ["--check"] });
    assertEquals([status, stdout], [0, "replace\tfile\t2 B\tother\n"], stderr);
    assertMatch(
      stderr,
      /would copy 1 file, 2 B, 1 of them in the place of others, 1 skipped, .*2 files compared, 1 of them different; nothing/,
    );
  });
});

Deno.test("--json of a dry run says what would be done, at both ends, and no tree hash", async () => {
  await withFolder(async (folder) => {
    await shell('cd "$1" && mkdir a b && echo 1 > a/new && echo 12 > a/old && echo 3 > b/old', folder);
    const { sender, ticket } = await startTicketSender(["--json", "--keep", `${folder}/a`]);
    await using _sender = sender;
    await using looking = new RcopyProcess(["receive", "--json", "--dry-run", ticket, `${folder}/b`]);
    const received = await looking.end();
    const events = received.stdout.trim().split("\n").map((line) => JSON.parse(line));
    const planned = events.filter(({ type }) => type === "planned").map((
      { path, replaces },
    ) => [path, replaces]);
    assertEquals(planned.sort(), [["new", false], ["old", true]]);
    const [sent] = await sender.stdoutMatch(/^.*"type":"done".*$/m);
    for (const { summary } of [events.find(({ type }) => type === "done"), JSON.parse(sent)]) {
      const { dryRun, files, bytes, replaced, skipped, treeHash } = summary;
      assertEquals([dryRun, files, bytes, replaced, skipped, treeHash], [true, 2, 5, 1, 0, undefined]);
    }
  });
});
