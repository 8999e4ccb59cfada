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
  { answer, send = [], receive, whenAsked = "", env = {} }: {
    answer: string;
    send?: string[];
    receive: string[];
    /** A shell command that is run before the answer. */
    whenAsked?: string;
    env?: Record<string, string>;
  },
): Promise<Asked> {
  const { sender, ticket } = await startTicketSender([...send, `${folder}/a`]);
  await using _sender = sender;
  await using receiver = new RcopyProcess(["receive", ticket, ...receive], {
    cwd: `${folder}/here`,
    env: { XDG_STATE_HOME: `${folder}/state`, WHEN_ASKED: whenAsked, ...env },
    within: ["python3", terminal, answer],
  });
  const received = await receiver.end();
  if (received.status === 2) sender.kill("SIGINT");
  return { sent: await sender.end(), received };
}

const makeTrees =
  'mkdir -p "$1/a/d" "$1/here/b/d" && cd "$1" && for f in one two d/three; do echo new > a/$f; done && ' +
  "echo other > here/b/one && echo other > here/b/d/three";

testWhere(needs, "a first replacement asks once, when the rest is copied, and yes replaces", async () => {
  await withFolder(async (folder) => {
    await shell(makeTrees, folder);
    const { sent, received } = await receiveAt(folder, {
      answer: "y",
      receive: ["b"],
      whenAsked: 'echo; for f in one two d/three; do echo "$f is $(cat b/$f)"; done',
    });
    assertEquals([sent.status, received.status], [0, 0], received.stdout);
    assertEquals(received.stdout.split("[y/N]").length, 2, "asked once");
    assertMatch(received.stdout, /others of their names: (one, d\/three|d\/three, one); replace them\?/);
    assertMatch(received.stdout, /one is other\s+two is new\s+d\/three is other/);
    assertMatch(received.stdout, /received 3 files, .* 2 replaced, tree hash/);
    assertMatch(sent.stderr, /sent 3 files, .* on the wire, 2 replaced, tree hash/);
    assert(!/failed|skipped|not copied/.test(received.stdout + sent.stderr), received.stdout + sent.stderr);
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
    for (const said of [received.stdout, sent.stderr]) {
      assertMatch(said, /not copied: one: .*it is there already, and is kept as answered/);
      assertMatch(said, /(received|sent) 1 file, 1 directory, .* 2 failed, tree hash/);
    }
    assertEquals(await shell('cd "$1/here/b" && cat one two d/three', folder), "other\nnew\nother\n");
    const again = await receiveAt(folder, { answer: "n", receive: ["b"] });
    assertEquals(again.received.stdout.split("[y/N]").length, 2, "asked again, since the answer was no");
    assertEquals(await shell('cd "$1/here/b" && cat one two d/three', folder), "other\nnew\nother\n");
  });
});

testWhere(
  needs,
  "what came by rcopy alone is replaced without a question, another directory of that name is not",
  async () => {
    await withFolder(async (folder) => {
      await shell('mkdir -p "$1/a" "$1/here" && echo 1 > "$1/a/one"', folder);
      const isAsked = async () =>
        (await receiveAt(folder, { answer: "n", receive: ["b"] })).received.stdout.includes("[y/N]");
      assertEquals(await isAsked(), false);
      await shell('echo second > "$1/a/one"', folder);
      assertEquals(await isAsked(), false);
      assertEquals(await shell('cat "$1/here/b/one"', folder), "second\n");
      await shell('cd "$1/here" && rm -r b && mkdir other b && echo precious > b/one', folder);
      assertEquals(await isAsked(), true);
      assertEquals(await shell('cat "$1/here/b/one"', folder), "precious\n");
    });
  },
);

testWhere(
  needs,
  "a directory that had files already is asked about after a copy that replaced none, too",
  async () => {
    await withFolder(async (folder) => {
      await shell('mkdir -p "$1/a" "$1/here/b" && echo 1 > "$1/a/one" && echo own > "$1/here/b/two"', folder);
      await receiveAt(folder, { answer: "n", receive: ["b"] });
      await shell('echo 22 > "$1/a/two"', folder);
      const { received } = await receiveAt(folder, { answer: "n", receive: ["b"] });
      assertMatch(received.stdout, /two; replace them\?/);
      assertEquals(await shell('cat "$1/here/b/two"', folder), "own\n");
    });
  },
);

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

const makeHome = 'rm -rf "$1/a" "$1/here" && mkdir -p "$1/a/.ssh" "$1/here" && cd "$1" && ' +
  "echo key > a/.ssh/authorized_keys && echo new > a/.bashrc && echo fine > a/file && echo my own > here/.bashrc";
const settingsOf = 'cat "$1/here/.bashrc" && ls "$1/here/.ssh" 2>/dev/null || true';

/** Receives into a home, whose own file of settings is there. */
async function receiveAtHome(
  folder: string,
  { answer, receive = [] }: { answer: string; receive?: string[] },
): Promise<Asked> {
  await shell(makeHome, folder);
  // Deno finds what it has downloaded by the real home.
  const DENO_DIR = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const env = { HOME: `${folder}/here`, DENO_DIR };
  return await receiveAt(folder, { answer, receive: [...receive, "."], env, whenAsked: "echo; cat file" });
}

testWhere(
  needs,
  "settings of a home are asked about when the rest is copied, and taken on yes alone",
  async () => {
    await withFolder(async (folder) => {
      const yes = await receiveAtHome(folder, { answer: "y" });
      assertEquals([yes.sent.status, yes.received.status], [0, 0], yes.received.stdout);
      assertMatch(
        yes.received.stdout,
        /change settings of a home .* in "\.": (\.ssh, \.bashrc|\.bashrc, \.ssh); take them\? \[y\/N\] \s*fine/,
      );
      assertEquals(yes.received.stdout.split("[y/N]").length, 2, "asked once");
      assertEquals(await shell(settingsOf, folder), "new\nauthorized_keys\n");
      const no = await receiveAtHome(folder, { answer: "" });
      assertEquals([no.sent.status, no.received.status], [23, 23], no.received.stdout);
      assertMatch(no.received.stdout, /not copied: \.bashrc: left out.*--dotfiles/);
      assertEquals(await shell(settingsOf, folder), "my own\n");
      for (const option of ["--yes", "--dotfiles"]) {
        const unasked = await receiveAtHome(folder, {
          answer: "n",
          receive: [option, "--exists", "changed"],
        });
        assertEquals([unasked.received.status, unasked.received.stdout.includes("[y/N]")], [0, false]);
        assertEquals(await shell(settingsOf, folder), "new\nauthorized_keys\n");
      }
    });
  },
);

testWhere(needs, "a receiver that listens asks too, and its sender comes once more", async () => {
  await withFolder(async (folder) => {
    await shell(makeTrees, folder);
    await using receiver = new RcopyProcess([
      "receive",
      "--listen",
      "--local",
      "--port",
      "0",
      `${folder}/here/b`,
    ], {
      env: { XDG_STATE_HOME: `${folder}/state` },
      within: ["python3", terminal, "y"],
    });
    const [, ticket] = await receiver.stdoutMatch(/send --to (rcopy1\S+)/);
    await using sender = new RcopyProcess(["send", "--to", ticket!, "--patience", "0s", `${folder}/a`]);
    const [sent, received] = [await sender.end(), await receiver.end()];
    assertEquals([sent.status, received.status], [0, 0], sent.stderr + received.stdout);
    assertEquals(await shell('diff -r "$1/a" "$1/here/b"', folder), "");
  });
});

testWhere(
  needs,
  "with --check a person is asked about what differs, and not about what is the same",
  async () => {
    await withFolder(async (folder) => {
      for (const [content, asks] of [["new", false], ["old", true]] as const) {
        await shell(`rm -rf "$1/a" "$1/here" "$1/state" && ${makeTrees}`, folder);
        await shell('cp -r "$1/a/." "$1/here/b" && echo "$2" > "$1/here/b/one"', folder, content);
        const { received } = await receiveAt(folder, { answer: "y", receive: ["--check", "b"] });
        assertEquals([received.status, received.stdout.includes("[y/N]")], [0, asks], received.stdout);
        assertEquals(await shell('diff -r "$1/a" "$1/here/b"', folder), "");
      }
    });
  },
);
