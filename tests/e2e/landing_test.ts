/** Where things land: with and without DEST, one file, several, under which name and mode. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree, type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender } from "../helpers/ticket_copy.ts";

interface Landed {
  sent: Outcome;
  received: Outcome;
  /** The printed line, behind the ticket. */
  printed: string;
}

/** Sends by ticket and receives in the folder `here`, with the arguments behind the ticket. */
async function land(
  folder: string,
  { send, receive, stdin }: { send: string[]; receive: string[]; stdin?: string },
): Promise<Landed> {
  await Deno.mkdir(`${folder}/here`, { recursive: true });
  const { sender, ticket, line } = await startTicketSender(send);
  await using _sender = sender;
  const options = { cwd: `${folder}/here`, ...(stdin === undefined ? {} : { stdin }) };
  await using receiver = new RcopyProcess(["receive", ticket, ...receive], options);
  const received = await receiver.end();
  if (received.status !== 0) sender.kill("SIGINT");
  return { sent: await sender.end(), received, printed: line.split(`${ticket} `)[1]! };
}

const tree = (folder: string) => shell('cd "$1/here" && find . | sort', folder);

testEngines(
  "without DEST the contents land in a folder of the real name, which the printed line has too",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        'mkdir "$1/my photos" && echo 1 > "$1/my photos/one" && ln -s "my photos" "$1/link"',
        folder,
      );
      const links = [
        `${folder}/my photos`,
        `${folder}/my photos/.`,
        `${folder}/link`,
        `${folder}/my photos/../link/`,
      ];
      for (const path of links) {
        const send = ["--io", io, path];
        const { sent, received, printed } = await land(folder, { send, receive: ["--io", io] });
        assertStatuses({ sent, received }, 0);
        assertEquals(printed, "'my photos'", path);
        assertEquals(await tree(folder), ".\n./my photos\n./my photos/one\n");
        await shell('rm -r "$1/here"', folder);
      }
    });
  },
);

Deno.test("without DEST one file gets its name, and several land in the current directory", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/d" && echo 1 > "$1/one" && echo 2 > "$1/d/two"', folder);
    const one = await land(folder, { send: [`${folder}/one`], receive: [] });
    assertStatuses(one, 0);
    assertEquals([one.printed, await tree(folder)], ["one", ".\n./one\n"]);
    await shell('rm -r "$1/here"', folder);
    const several = await land(folder, { send: [`${folder}/one`, `${folder}/d`], receive: [] });
    assertStatuses(several, 0);
    assertEquals([several.printed, await tree(folder)], [".", ".\n./d\n./d/two\n./one\n"]);
  });
});

Deno.test("one directory has the form of several with --as-folder", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/d" && echo 2 > "$1/d/two"', folder);
    const without = await land(folder, { send: ["--as-folder", `${folder}/d/.`], receive: [] });
    assertStatuses(without, 0);
    assertEquals([without.printed, await tree(folder)], [".", ".\n./d\n./d/two\n"]);
    const into = await land(folder, { send: ["--as-folder", `${folder}/d`], receive: ["new"] });
    assertStatuses(into, 0);
    assertEquals(await tree(folder), ".\n./d\n./d/two\n./new\n./new/d\n./new/d/two\n");
  });
});

testEngines("one file is renamed on the way, unless DEST is a directory or ends in a slash", async (io) => {
  await withFolder(async (folder) => {
    await shell('echo content > "$1/one" && mkdir -p "$1/here/dir" && echo old > "$1/here/old"', folder);
    for (const dest of ["other", "new/below/other", "dir", "slash/", "old", "./dir/../named"]) {
      const { sent, received } = await land(folder, {
        send: ["--io", io, `${folder}/one`],
        receive: ["--io", io, dest],
      });
      assertStatuses({ sent, received }, 0);
    }
    const expected = "dir/one named new/below/other old other slash/one";
    assertEquals(
      await shell('cd "$1/here" && echo $(grep -lr content . | cut -c3- | sort)', folder),
      `${expected}\n`,
    );
  });
});

Deno.test("a file that is there is treated as --exists says, also under the name of DEST", async () => {
  await withFolder(async (folder) => {
    await shell('echo content > "$1/one" && mkdir "$1/here" && echo old > "$1/here/old"', folder);
    const skipped = await land(folder, { send: [`${folder}/one`], receive: ["--exists", "skip", "old"] });
    assertStatuses(skipped, 0);
    assertEquals(await Deno.readTextFile(`${folder}/here/old`), "old\n");
    const failed = await land(folder, { send: [`${folder}/one`], receive: ["--exists", "fail", "old"] });
    assertEquals(failed.received.status, 23, failed.received.stderr);
    assertMatch(failed.received.stderr, /not copied: old: it exists already/);
  });
});

Deno.test("a name that says nothing of where it belongs wants a DEST, and the sender goes on listening", async () => {
  await withFolder(async (folder) => {
    for (const name of [".config", "-rf", "a\u001bb"]) {
      await Deno.mkdir(`${folder}/${name}`);
      await Deno.writeTextFile(`${folder}/${name}/x`, "x");
      const { received, sent, printed } = await land(folder, {
        send: ["--", `${folder}/${name}`],
        receive: [],
      });
      assertEquals([received.status, sent.status], [2, 130], received.stderr);
      assertMatch(received.stderr, /name a DEST/);
      assertEquals(printed, name.includes("\u001b") ? "copy" : `./${name}`);
      assertEquals(await tree(folder), ".\n");
      const given = await land(folder, { send: ["--", `${folder}/${name}`], receive: ["d"] });
      assertStatuses(given, 0);
      await shell('rm -r "$1/here"', folder);
    }
  });
});

Deno.test("a folder that is there already is not copied into for its name alone, off a terminal", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/a" "$1/here/a" && echo 1 > "$1/a/one"', folder);
    const refused = await land(folder, { send: [`${folder}/a`], receive: [] });
    assertEquals([refused.received.status, refused.sent.status], [2, 130], refused.received.stderr);
    assertMatch(
      refused.received.stderr,
      /"\.\/a" is there already, .* no terminal to ask on; name another DEST, or to copy into it say --yes/,
    );
    assertMatch(refused.sent.stderr, /still listening/);
    assert(!refused.sent.stderr.includes("./a"), "the sender is told no path of the receiver");
    assertEquals(await tree(folder), ".\n./a\n");
    for (const receive of [["a"], ["--yes"]]) {
      const agreed = await land(folder, { send: [`${folder}/a`], receive });
      assertStatuses(agreed, 0);
      assertEquals(await tree(folder), ".\n./a\n./a/one\n");
    }
  });
});

testEngines(
  "a new DEST gets the mode and the time of the source, and one that is there keeps its own",
  async (io) => {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/a" && echo 1 > "$1/a/one"', folder);
      for (const mode of ["700", "755", "775", "555", "750"]) {
        await shell(
          'chmod 755 "$1/a" && touch -d 2020-01-02T03:04:05 "$1/a" && chmod "$2" "$1/a"',
          folder,
          mode,
        );
        const options = { source: `${folder}/a`, send: ["--io", io], receive: ["--io", io] };
        assertStatuses(await copyTree({ ...options, target: `${folder}/new${mode}` }), 0);
        const stat = await shell('stat -c "%a %Y" "$1/a" "$1/new$2"', folder, mode);
        assertEquals(new Set(stat.trim().split("\n")).size, 1, stat);
      }
      await shell('mkdir -m 711 "$1/old"', folder);
      const options = { source: `${folder}/a`, send: ["--io", io], receive: ["--io", io] };
      assertStatuses(await copyTree({ ...options, target: `${folder}/old` }), 0);
      assertEquals(await shell('stat -c %a "$1/old"', folder), "711\n");
    });
  },
);

Deno.test("DEST that is PATH itself is status 2 at both ends, by any of its names", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/one" && ln -s a "$1/link"', folder);
    const pairs: [string[], string][] = [
      [[`${folder}/a`], `${folder}/a`],
      [[`${folder}/a`], `${folder}/link/.`],
      [[`${folder}/a/one`], `${folder}/a`],
      [[`${folder}/a/one`], `${folder}/a/one`],
      [[`${folder}/a/one`, `${folder}/a`], folder],
    ];
    for (const [source, target] of pairs) {
      const outcome = await copyTree({ source, target });
      assertStatuses(outcome, 2);
      assertMatch(outcome.received.stderr, /DEST is the place that is being sent/);
    }
    assertEquals(await Deno.readTextFile(`${folder}/a/one`), "1\n");
    assertStatuses(await copyTree({ source: `${folder}/a/one`, target: `${folder}/a/two` }), 0);
  });
});

Deno.test("a receive without DEST that was interrupted goes on in its folder without a question", async () => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir -p "$1/a" "$1/here" && head -c 300000000 /dev/zero > "$1/a/large" && echo 1 > "$1/a/one"',
      folder,
    );
    const env = { XDG_STATE_HOME: `${folder}/state` };
    const { sender, ticket } = await startTicketSender(["--keep", `${folder}/a`]);
    await using _sender = sender;
    await using cut = new RcopyProcess(["receive", ticket], { cwd: `${folder}/here`, env });
    while (!await shell('ls "$1/here/a" 2>/dev/null || true', folder)) {
      await new Promise((done) => setTimeout(done, 5));
    }
    cut.kill("SIGKILL");
    await cut.end();
    for (const status of [0, 2]) {
      await using again = new RcopyProcess(["receive", ticket], { cwd: `${folder}/here`, env });
      const outcome = await again.end();
      assertEquals(outcome.status, status, outcome.stderr);
      assertEquals(await shell('diff -r "$1/a" "$1/here/a"', folder), "");
    }
  });
});
