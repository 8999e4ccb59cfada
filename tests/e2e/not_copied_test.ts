/** Entries that cannot be copied are listed as `not copied` at both ends, and the rest arrives. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree, startReceiver, startSender } from "../helpers/rcopy_process.ts";
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

testEngines("what a copy that was killed has left in a tree is not sent from there", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" "$1/b" && head -c 200000000 /dev/zero > "$1/a/large" && echo 1 > "$1/a/small"',
      folder,
    );
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      receive: ["--io", io, "--patience", "0s"],
    };
    const { sender, address } = await startSender({ ...options, send: ["--patience", "0s"] });
    await using _sender = sender;
    await using receiver = startReceiver(options, address);
    const parts = () => shell('cd "$1/b" && find . -name "*.part" -size +4096k', folder);
    while (!await parts()) await new Promise((resolve) => setTimeout(resolve, 2));
    receiver.kill("SIGKILL");
    await Promise.all([receiver.end(), sender.end()]);
    // As a kill leaves a small file, under its final name.
    await shell('echo unfin > "$1/b/marked" && chmod 1600 "$1/b/marked"', folder);
    const onward = await copyTree({ source: `${folder}/b`, target: `${folder}/c`, send: ["--io", io] });
    assertStatuses(onward, 23);
    for (const { stderr } of [onward.sent, onward.received]) {
      assertMatch(stderr, /not copied: marked: .*left it unfinished, as its mode 1600 says/);
      assertMatch(stderr, /not copied: \.rcopy-\w{26}\.part: .*left out: rcopy's own/);
      assertMatch(stderr, / 1 failed, /);
    }
    assertEquals(await shell('cd "$1/c" && find . -type f', folder), "./small\n");
    await shell('rm -r "$1/b/marked" "$1/c"', folder);
    assertStatuses(await copyTree({ source: `${folder}/b`, target: `${folder}/c`, send: ["--io", io] }), 0);
  });
});
