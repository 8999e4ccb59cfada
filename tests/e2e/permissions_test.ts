/** The program under narrow permissions, and never a question about one. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, copyTree, RcopyProcess, startReceiver } from "../helpers/rcopy_process.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { compileTargets } from "../../.ci/tasks/compile.ts";

async function makeTree(folder: string): Promise<void> {
  await shell(
    'mkdir -p "$1/a/d" && cd "$1/a" && head -c 5000000 /dev/urandom > large && echo 1 > d/small',
    folder,
  );
}

Deno.test("a copy runs with exactly the flags that doctor prints, and asks nothing", async () => {
  await withFolder(async (folder) => {
    await makeTree(folder);
    await Deno.mkdir(`${folder}/b`);
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = `${free.addr.port}`;
    free.close();
    const send = ["send", "--insecure", "-l", "-p", port, `${folder}/a`];
    const receive = ["receive", "--insecure", "-a", `127.0.0.1:${port}`, `${folder}/b`];
    await using sender = new RcopyProcess(send, { permissions: await flagsFor(send) });
    await sender.stdoutMatch(/rcopy receive .*\n/);
    await using receiver = new RcopyProcess(receive, { permissions: await flagsFor(receive) });
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});

/** What `rcopy doctor` prints for a command line; the shortest that it can be, which is never everything. */
async function flagsFor(command: string[]): Promise<string[]> {
  await using doctor = new RcopyProcess(["doctor", ...command]);
  const { status, stdout } = await doctor.end();
  assertEquals(status, 0);
  const [first, second, ...flags] = stdout.trim().split(/\s+/);
  assertEquals(first, "--no-config", "what lies in the current directory has a say");
  assertEquals(second, "--no-prompt", "Deno asks a person in the middle of a copy");
  assert(flags.length > 0 && flags.every((flag) => /^--allow-(net|read|write)=./.test(flag)), stdout);
  return [first!, second!, ...flags];
}

Deno.test("the permission sets send and receive of src/deno.json are enough", async () => {
  await withFolder(async (folder) => {
    await makeTree(folder);
    await shell('ln -s large "$1/a/link"', folder);
    const outcome = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      sender: { permissions: ["-P=send"] },
      receiver: { permissions: ["-P=receive"] },
    });
    assertStatuses(outcome, 0);
    await shell('diff -r --no-dereference "$1/a" "$1/b"', folder);
  });
});

for (const { name, permissions } of compileTargets) {
  Deno.test(`a copy runs with the permissions of the compiled ${name}`, async () => {
    await withFolder(async (folder) => {
      await makeTree(folder);
      await shell('ln -s large "$1/a/link"', folder);
      const outcome = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        sender: { permissions },
        receiver: { permissions },
      });
      assertStatuses(outcome, 0);
      await shell('diff -r --no-dereference "$1/a" "$1/b"', folder);
    });
  });
}

Deno.test("links that may not be made are listed, the rest is copied, and both ends say 23", async () => {
  await withFolder(async (folder) => {
    await makeTree(folder);
    await shell('ln -s large "$1/a/link"', folder);
    await Deno.mkdir(`${folder}/b`);
    const outcome = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      receiver: { permissions: ["--allow-net", `--allow-read=${folder}/b`, `--allow-write=${folder}/b`] },
    });
    assertStatuses(outcome, 23);
    for (const { stderr } of [outcome.sent, outcome.received]) {
      assert(stderr.includes("not copied: link: "), stderr);
    }
    assertEquals(await shell('cd "$1/b" && find . -type f | sort', folder), "./d/small\n./large\n");
  });
});

for (const missing of ["net", "read", "write"]) {
  Deno.test(`without --allow-${missing} the receiver names the flag and does nothing`, async () => {
    await withFolder(async (folder) => {
      const permissions = ["net", "read", "write"].filter((name) => name !== missing).map((name) =>
        `--allow-${name}`
      );
      const options = { source: "", target: `${folder}/b`, receiver: { permissions } };
      await using receiver = startReceiver(options, "127.0.0.1:9");
      const { status, stderr } = await receiver.end();
      assert(status === 2 || status === 5, stderr);
      assert(stderr.includes(`--allow-${missing}`), stderr);
      assert(!stderr.includes("    at "), "no stack trace");
    });
  });
}

Deno.test("without any permission, help and version still come", async () => {
  for (
    const args of [["--version"], ["--help"], ["help", "send"], ["receive", "--help"], [
      "completions",
      "bash",
    ]]
  ) {
    await using process = new RcopyProcess(args, { permissions: [] });
    const { status, stdout, stderr } = await process.end();
    assertEquals(status, 0, stderr);
    assert(stdout.length > 4);
  }
});

testWhere(
  { programs: ["python3"] },
  "at a terminal nobody is asked for a permission in the middle of a copy",
  async () => {
    const terminal = new URL("../helpers/terminal.py", import.meta.url).pathname;
    const onTerminal = { within: ["python3", terminal, "n"], mayPrompt: true };
    await withFolder(async (folder) => {
      await makeTree(folder);
      await shell('ln -s large "$1/a/link"', folder);
      const files = [`--allow-read=${folder}`, `--allow-write=${folder}`];
      for (
        const [permissions, status] of [
          [["--allow-net", "--allow-read", "--allow-write"], 0],
          // A link cannot be made, and no thread be started; the ports of the sender's threads are not those that are allowed.
          [["--allow-net=127.0.0.1:PORT", ...files], 23],
        ] as const
      ) {
        await Deno.mkdir(`${folder}/b`);
        await using sender = new RcopyProcess([
          "send",
          "--insecure",
          "-l",
          "-p",
          "0",
          "--streams",
          "3",
          `${folder}/a`,
        ]);
        const [, number] = await sender.stdoutMatch(/127\.0\.0\.1:(\d+)/);
        const args = ["receive", "--insecure", "--streams", "3", "-a", `127.0.0.1:${number}`, `${folder}/b`];
        await using receiver = new RcopyProcess(args, {
          ...onTerminal,
          permissions: ["--no-config", ...permissions.map((flag) => flag.replace("PORT", number!))],
        });
        const received = await receiver.end();
        assertEquals(received.status, status, received.stdout);
        assert(!received.stdout.includes("Allow?"), received.stdout);
        await Deno.remove(`${folder}/b`, { recursive: true });
      }
      for (
        const command of [["send", "-p", "0", `${folder}/a`], [
          "receive",
          "--insecure",
          "--listen",
          "-p",
          "0",
          "x",
        ]]
      ) {
        await using refused = new RcopyProcess(command, { ...onTerminal, permissions: files });
        const { status, stdout } = await refused.end();
        assertEquals([status, stdout.includes("Allow?")], [2, false], stdout);
      }
    });
  },
);
