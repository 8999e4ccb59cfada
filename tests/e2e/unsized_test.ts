/** Files that say another size than they have: those of /proc, where every tool reads to the end. */
import { assert, assertEquals } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

testEngines("files of /proc arrive with their content", async (io) => {
  await withFolder(async (folder) => {
    const { sent, received } = await copyTree({
      source: ["/proc/version", "/proc/cmdline", "/proc/filesystems"],
      target: `${folder}/b`,
      send: ["--io", io, "--streams", "2"],
      receive: ["--io", io],
    });
    assertStatuses({ sent, received }, 0);
    for (const name of ["version", "cmdline", "filesystems"]) {
      assertEquals(await Deno.readTextFile(`${folder}/b/${name}`), await Deno.readTextFile(`/proc/${name}`));
    }
  });
});

testEngines("a directory of the kernel arrives: files shorter than they say, and empty ones", async (io) => {
  await withFolder(async (folder) => {
    const source = "/proc/sys/kernel/random";
    const { sent, received } = await copyTree({
      source,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io],
    });
    // Some of it is for writing alone, and cannot be read.
    assert([0, 23].includes(sent.status) && sent.status === received.status, sent.stderr);
    const name = "boot_id";
    assertEquals(
      await Deno.readTextFile(`${folder}/b/${name}`),
      await Deno.readTextFile(`${source}/${name}`),
    );
    assertEquals((await shell('find "$1/b" -name "uuid" -size 0', folder)).trim(), "");
  });
});
