/** One command copies: ssh, the real one, starts the other end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { type SshMachine, withSshMachine } from "../helpers/ssh_machine.ts";
import { shell, testWhere } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const needs = { programs: ["ssh", "ssh-keygen", "/usr/sbin/sshd"] };

function testRemote(name: string, body: (machine: SshMachine) => Promise<void>): void {
  testWhere(needs, name, () =>
    withSshMachine(async (machine) => {
      await Deno.mkdir(`${machine.folder}/a`);
      const sizeOf = (r: number) => Math.floor(r * 50_000);
      makeSmallTree(`${machine.folder}/a`, { directories: 3, filesPerDirectory: 5, sizeOf });
      await shell('head -c 9000000 /dev/urandom > "$1/a/large"', machine.folder);
      await body(machine);
    }));
}

testRemote(
  "one command sends to another machine, and one fetches from there",
  async ({ folder, options, run }) => {
    const sent = await run(["send", ...options, `${folder}/a`, `127.0.0.1:${folder}/b`]);
    assertEquals(sent.status, 0, sent.stderr);
    assertEquals(sent.stdout, "");
    assertMatch(sent.stderr, /^rcopy: sent \d+ files/m);
    assert(!sent.stderr.includes("through ssh"), sent.stderr);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, {});
    const received = await run(["receive", ...options, `127.0.0.1:${folder}/b`, `${folder}/c`]);
    assertEquals(received.status, 0, received.stderr);
    assertMatch(received.stderr, /^rcopy: received \d+ files/m);
    await assertEqualTrees(`${folder}/a`, `${folder}/c`, {});
  },
);
