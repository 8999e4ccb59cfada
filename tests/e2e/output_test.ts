/** Output that nobody reads: a terminal that stands still, a reader that takes its time, one that has gone. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { program, RcopyProcess, startSender } from "../helpers/rcopy_process.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";

const terminal = new URL("../helpers/terminal.py", import.meta.url).pathname;
const makeTree = 'mkdir "$1/a" && cd "$1/a" && seq 300 | xargs touch && head -c 40000000 /dev/zero > large';

for (const held of ["receiver", "sender"] as const) {
  testWhere(
    { programs: ["python3"] },
    `a ${held} whose terminal stands still (Ctrl-S) copies on, and says the rest when it moves`,
    async () => {
      await withFolder(async (folder) => {
        await shell(makeTree, folder);
        const release = `${folder}/release`;
        const onTerminal = { within: ["python3", terminal, "n"], env: { HOLD_UNTIL: release } };
        const at = (end: string) => end === held ? onTerminal : {};
        const flags = ["--insecure", "--timeout", "1s"];
        const send = ["send", ...flags, "-l", "-p", "0", `${folder}/a`];
        await using sender = new RcopyProcess(send, at("sender"));
        const says = held === "sender" ? sender.stdoutMatch.bind(sender) : sender.stderrMatch.bind(sender);
        const [, port] = await says(/listening on port (\d+)/);
        const receive = ["receive", ...flags, "-a", `127.0.0.1:${port}`, `${folder}/b`];
        await using receiver = new RcopyProcess(receive, at("receiver"));
        const other = held === "sender" ? receiver : sender;
        const outcome = await other.end();
        assertEquals(outcome.status, 0, outcome.stderr);
        await Deno.writeTextFile(release, "");
        const { status, stdout } = await (held === "sender" ? sender : receiver).end();
        assertEquals(status, 0, stdout);
        assertMatch(stdout, /(sent|received) 301 files/);
        assertEquals(await shell('diff -r "$1/a" "$1/b"', folder), "");
      });
    },
  );
}

/** Pipes what a receiver says on standard output into a command of the shell; what that says, and the receiver's status. */
async function piped(
  folder: string,
  { address, receive, into }: { address: string; receive: string; into: string },
): Promise<{ said: string; status: string; stderr: string }> {
  const run = `"$2" run -A --no-prompt "$3" receive --insecure --timeout 1s -a "$4" ${receive} "$1/b"`;
  const said = await shell(
    `{ ${run} 2> "$1/err"; echo $? > "$1/status"; } < /dev/null | ${into}; while [ ! -s "$1/status" ]; do sleep 0.05; done`,
    folder,
    Deno.execPath(),
    program,
    address,
  );
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  return { said, status: (await read("status")).trim(), stderr: await read("err") };
}

Deno.test("a reader that has gone (head -1), or takes its time (less), changes nothing about a copy", async () => {
  await withFolder(async (folder) => {
    // More than a pipe and what is kept for it hold.
    await shell(
      'mkdir "$1/a" && cd "$1/a" && for d in 1 2 3 4; do mkdir $d && (cd $d && seq 12000 | xargs touch); done',
      folder,
    );
    const { sender, address } = await startSender({
      source: `${folder}/a`,
      target: "",
      send: ["--keep", "--timeout", "1s"],
    });
    await using _sender = sender;
    const head = await piped(folder, { address, receive: "--dry-run", into: "head -1" });
    assertEquals([head.said.trim().split("\n").length, head.status], [1, "0"], head.stderr);
    // It stands still for longer than either end would wait for a peer that is silent.
    const slow = await piped(folder, {
      address,
      receive: "--dry-run",
      into: "{ read -r line; sleep 3; wc -l; }",
    });
    assertEquals([slow.said.trim(), slow.status], ["48003", "0"], slow.stderr);
    const json = await piped(folder, { address, receive: "--json", into: "head -1" });
    assertEquals([json.said.trim().split("\n").length, json.status], [1, "0"], json.stderr);
    assert(json.said.startsWith("{"));
    assertEquals((await shell('find "$1/b" -type f | wc -l', folder)).trim(), "48000");
  });
});
