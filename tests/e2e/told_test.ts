/** What is told, and to whom: no ticket, no escape, no path of the other machine; and what a command line means. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree, type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import { secretForms, startTicketSender } from "../helpers/ticket_copy.ts";

async function run(
  args: string[],
  options: ConstructorParameters<typeof RcopyProcess>[1] = {},
): Promise<Outcome> {
  await using program = new RcopyProcess(args, options);
  return await program.end();
}

Deno.test("a ticket in a wrong place is in no message, whatever is made of it", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a"', folder);
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const lines = [
      ["send", ticket],
      ["send", `${folder}/a`, ticket],
      ["receive", "-a", ticket, `${folder}/b`],
      ["receive", "--insecure", ticket],
      ["receive", ticket, "b", "c"],
      ["receive", `x ${ticket.slice(0, -2)}`, "b", "c"],
      ["send", "--to", ticket.slice(0, -3), `${folder}/a`],
      ["send", "--port", ticket, `${folder}/a`],
      ["receive", `--${ticket}`],
      [ticket],
    ];
    for (const line of lines) {
      for (const debug of [[], ["--log-level", "debug"]]) {
        const { status, stdout, stderr } = await run([...line, ...line.length > 1 ? debug : []]);
        assert(status !== 0);
        for (const form of secretForms(ticket)) {
          assert(
            !`${stdout}${stderr}`.includes(form),
            `${line[0]} ${line[1]?.slice(0, 9)}: ${stderr.slice(0, 40)}`,
          );
        }
      }
    }
  });
});

Deno.test("no byte of a name acts on a terminal, with --log-level debug neither", async () => {
  const { stderr } = await run(["send", "--log-level", "debug", "/nowhere/\u001b]0;title\u0007\u009b2J"]);
  // deno-lint-ignore no-control-regex
  assert(!/[\u001b\u0007\u009b]/.test(stderr), stderr);
  assertMatch(stderr, /at .*\.[jt]s:\d+/);
});

Deno.test("a printed line that was pasted whole is understood", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/my a" "$1/here" && echo 1 > "$1/my a/one"', folder);
    for (const wrap of [(line: string) => `$ ${line}`, (line: string) => line.replace(/.{50}/g, "$&\n")]) {
      const { sender, line } = await startTicketSender([`${folder}/my a`]);
      await using _sender = sender;
      const received = await run(["receive", wrap(line)], { cwd: `${folder}/here` });
      assertStatuses({ sent: await sender.end(), received }, 0);
      assertEquals(await shell('cd "$1/here" && find . -type f && rm -r *', folder), "./my a/one\n");
    }
  });
});

Deno.test("a file whose name has a colon is a file here, if it is here", async () => {
  await withFolder(async (folder) => {
    const name = "2026-01-01_12:30.log";
    await shell('cd "$1" && mkdir d && echo 1 > "$2" && mkdir a:b && echo 2 > a:b/two', folder, name);
    for (const source of [name, "a:b"]) {
      const outcome = await copyTree({
        source,
        target: "d/",
        sender: { cwd: folder },
        receiver: { cwd: folder },
      });
      assertStatuses(outcome, 0);
    }
    assertEquals(await shell('cd "$1/d" && ls', folder), `${name}\ntwo\n`);
  });
});

Deno.test("a failure at one end is told to the other without the paths of this one", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/a/d" "$1/secret-place/b" && echo 1 > "$1/a/x" && echo 1 > "$1/a/d/y"', folder);
    await shell('echo file > "$1/secret-place/b/d" && mkdir "$1/secret-place/b/x"', folder);
    const outcome = await copyTree({ source: `${folder}/a`, target: `${folder}/secret-place/b` });
    assertStatuses(outcome, 23);
    assert(!outcome.sent.stderr.includes("secret-place"), outcome.sent.stderr);
    const blocked = await copyTree({ source: `${folder}/a`, target: `${folder}/secret-place/b/d` });
    assertEquals(blocked.received.status, 5);
    assert(!blocked.sent.stderr.includes("secret-place"), blocked.sent.stderr);
  });
});
