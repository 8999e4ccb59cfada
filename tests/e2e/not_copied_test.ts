/** Entries that cannot be copied are listed as `not copied` at both ends, and the rest arrives. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

testEngines(
  "a file and a directory that cannot be read fail alone, beside a FIFO, at both ends with 23",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `mkdir -p "$1/a/closed" "$1/a/open" && cd "$1/a" && echo 1 > closed/file && echo 2 > open/file &&
      echo 3 > secret && head -c 5000000 /dev/urandom > open/large-secret && mkfifo pipe && chmod 0 closed secret open/large-secret`,
        folder,
      );
      const { sent, received } = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
        sender: { withoutPrivileges: true },
      });
      assertStatuses({ sent, received }, 23);
      for (const { stderr } of [sent, received]) {
        for (const path of ["closed", "secret", "open/large-secret", "pipe"]) {
          assertMatch(stderr, new RegExp(`not copied: ${path}: `));
        }
      }
      assertEquals(await shell('cd "$1/b" && find . -type f', folder), "./open/file\n");
    });
  },
  { root: true, programs: ["setpriv"] },
);

testEngines("FIFOs, sockets and devices are listed and left out, and none is opened", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/sub" && cd "$1/a" && echo 1 > sub/file && mkfifo pipe sub/pipe && mknod sub/device c 1 3 &&
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' && ln -s pipe link`,
      folder,
    );
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const { sent, received } = await copyTree({ ...options, receive: ["--io", io] });
    assertStatuses({ sent, received }, 23);
    for (const { stderr } of [sent, received]) {
      for (const path of ["pipe", "sub/pipe", "socket", "sub/device"]) {
        assertMatch(stderr, new RegExp(`not copied: ${path}: `));
      }
    }
    assertEquals(await shell('cd "$1/b" && find . | sort', folder), ".\n./link\n./sub\n./sub/file\n");
  });
}, { root: true });

testEngines(
  "what is left out in many nested directories is listed under its own path at both ends",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `mkdir "$1/a" && cd "$1/a" && for i in $(seq 150); do
        mkdir -p "d$((i % 7))/e$((i % 30))/f$i" && echo $i > "d$((i % 7))/e$((i % 30))/f$i/file" &&
        mkfifo "d$((i % 7))/e$((i % 30))/f$i/pipe" "d$((i % 7))/e$((i % 30))/pipe-$i"
      done`,
        folder,
      );
      const json = ["--json", "--io", io];
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: json, receive: json };
      const { sent, received } = await copyTree(options);
      assertStatuses({ sent, received }, 23);
      const pipes = (await shell('cd "$1/a" && find . -type p -printf "%P\\n"', folder)).trim().split("\n")
        .sort();
      assertEquals(pipes.length, 300);
      for (const { stdout } of [sent, received]) {
        const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
        const paths = events.filter(({ type }) => type === "failure").map(({ failure }) => failure.path);
        assertEquals(paths.sort(), pipes);
      }
      await shell('cd "$1/a" && find . -type p -delete && diff -r "$1/a" "$1/b"', folder);
    });
  },
);
