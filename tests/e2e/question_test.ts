/** Questions to a person at a terminal: what is replaced for the first time, and a folder that is there already. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender } from "../helpers/ticket_copy.ts";

const terminal = new URL("../helpers/terminal.py", import.meta.url).pathname;
const needs = { programs: ["python3"] };

interface Asked {
  sent: Outcome;
  received: Outcome;
}

/** Receives at a terminal, where a person answers so. */
async function receiveAt(
  folder: string,
  { answer, send = [], receive }: { answer: string; send?: string[]; receive: string[] },
): Promise<Asked> {
  const { sender, ticket } = await startTicketSender([...send, `${folder}/a`]);
  await using _sender = sender;
  await using receiver = new RcopyProcess(["receive", ticket, ...receive], {
    cwd: `${folder}/here`,
    env: { XDG_STATE_HOME: `${folder}/state` },
    within: ["python3", terminal, answer],
  });
  const received = await receiver.end();
  if (received.status === 2) sender.kill("SIGINT");
  return { sent: await sender.end(), received };
}

const makeTrees =
  'mkdir -p "$1/a/d" "$1/here/b/d" && cd "$1" && for f in one two d/three; do echo new > a/$f; done && ' +
  "echo other > here/b/one && echo other > here/b/d/three";

testWhere(needs, "a first replacement asks once, and yes replaces", async () => {
  await withFolder(async (folder) => {
    await shell(makeTrees, folder);
    const { sent, received } = await receiveAt(folder, { answer: "y", receive: ["b"] });
    assertEquals([sent.status, received.status], [0, 0], received.stdout);
    assertEquals(received.stdout.split("[y/N]").length, 2, "asked once");
    assertMatch(received.stdout, /replaced: one/);
    assertMatch(sent.stderr, /the receiver is asking a person there/);
    assertEquals(await shell('diff -r "$1/a" "$1/here/b"', folder), "");
    await shell('echo third > "$1/here/b/one"', folder);
    const again = await receiveAt(folder, { answer: "n", receive: ["b"] });
    assertEquals([again.received.status, again.received.stdout.includes("[y/N]")], [0, false]);
    assertEquals(await shell('diff -r "$1/a" "$1/here/b"', folder), "");
  });
});

testWhere(needs, "no keeps what is there, and copies the rest", async () => {
  await withFolder(async (folder) => {
    await shell(makeTrees, folder);
    const { sent, received } = await receiveAt(folder, { answer: "", receive: ["b"] });
    assertEquals([sent.status, received.status], [23, 23], received.stdout);
    assertMatch(received.stdout, /not copied: one: it is there already, and is kept as answered/);
    assertEquals(await shell('cd "$1/here/b" && cat one two d/three', folder), "other\nnew\nother\n");
  });
});

testWhere(needs, "--yes and --exists ask nothing", async () => {
  await withFolder(async (folder) => {
    for (const options of [["--yes"], ["--exists", "changed"], ["--exists", "replace"]]) {
      await shell(`rm -rf "$1/a" "$1/here" && ${makeTrees}`, folder);
      const { received } = await receiveAt(folder, { answer: "n", receive: [...options, "b"] });
      assertEquals([received.status, received.stdout.includes("[y/N]")], [0, false], received.stdout);
      assertEquals(await shell('diff -r "$1/a" "$1/here/b" && rm -rf "$1/state"', folder), "");
    }
  });
});

testWhere(
  needs,
  "a folder of the sender's name that is there is asked about before anything is copied",
  async () => {
    await withFolder(async (folder) => {
      await shell('mkdir -p "$1/a" "$1/here/a" && echo 1 > "$1/a/one"', folder);
      const no = await receiveAt(folder, { answer: "n", receive: [] });
      assertEquals(no.received.status, 2, no.received.stdout);
      assertMatch(no.received.stdout, /"\.\/a" is there already; copy into it\? \[y\/N\]/);
      assert(!(await shell('ls "$1/here/a"', folder)));
      const yes = await receiveAt(folder, { answer: "yes", receive: [] });
      assertEquals([yes.sent.status, yes.received.status], [0, 0], yes.received.stdout);
      assertEquals(await shell('ls "$1/here/a"', folder), "one\n");
    });
  },
);
