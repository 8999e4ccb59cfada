/** Both ends within little memory: a large file and many connections end well. */
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

const limitBytes = 384 * 1024 * 1024;

/** Shell text that makes a group of processes with a limit of memory named `$1`, and prints its folder. */
const makeGroup = `
  if grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
    group=/sys/fs/cgroup/$1; mkdir "$group" && echo $2 >"$group/memory.max"
  else
    group=/sys/fs/cgroup/memory/$1; mkdir "$group" && echo $2 >"$group/memory.limit_in_bytes"
  fi && echo "$group"`;

testEngines("a file of 512 MiB and 16 connections need no more than 384 MiB at each end", async (io) => {
  await withFolder(async (folder) => {
    // Holes read as zeros; the receiver writes all of them.
    await shell(
      'mkdir "$1/source" && truncate -s 512M "$1/source/large" && echo 1 >"$1/source/small"',
      folder,
    );
    const groups: string[] = [];
    try {
      for (const end of ["sender", "receiver"]) {
        groups.push((await shell(makeGroup, `rcopy-${Deno.pid}-${end}`, String(limitBytes))).trim());
      }
      const [sender, receiver] = groups.map((group) => ({ before: `echo $$ >'${group}/cgroup.procs'` }));
      const both = ["--io", io, "--streams", "16"];
      assertStatuses(
        await copyTree({
          source: `${folder}/source`,
          target: `${folder}/target`,
          send: both,
          receive: both,
          sender: sender!,
          receiver: receiver!,
        }),
        0,
      );
      await shell(
        'cmp "$1/source/large" "$1/target/large" && cmp "$1/source/small" "$1/target/small"',
        folder,
      );
    } finally {
      for (const group of groups) await shell('rmdir "$1"', group);
    }
  });
}, { why: whyNoGroups() });

function whyNoGroups(): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  const { success } = new Deno.Command("bash", {
    args: ["-c", `${makeGroup} && rmdir "$group"`, "-", `rcopy-${Deno.pid}-probe`, String(limitBytes)],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? undefined : "this system limits no memory by groups of processes";
}
