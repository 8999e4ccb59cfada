/** Under narrow limits: few descriptors, a strict umask, an ordinary user, entries that cannot be read or vanish. */
import { existsSync } from "node:fs";
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { Proxy } from "../helpers/proxy.ts";
import { shell, testEngines, testWhere, whyNot, withFolder, withTmpfs } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

/** Thousands of files are made and replaced: in memory, where a file system may be mounted. */
async function withRamDisk(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    if (whyNot({ mount: true }) !== undefined) await body(folder);
    else await withTmpfs(`${folder}/disk`, "size=256m,mode=755", () => body(`${folder}/disk`));
  });
}

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

testEngines("10,000 files in a directory and a depth of 120, with 64 descriptors at each end", async (io) => {
  await withRamDisk(async (folder) => {
    await shell(
      `python3 - "$1" <<'END'
import os, sys
os.makedirs(sys.argv[1] + "/a/wide")
os.chdir(sys.argv[1] + "/a/wide")
for i in range(10000):
    with open("file-%d" % i, "w") as file:
        file.write("content of %d" % i)
os.chdir("..")
for i in range(120):
    os.mkdir("d%d" % i)
    os.chdir("d%d" % i)
    with open("file", "w") as file:
        file.write(str(i))
    os.symlink("file", "link")
    os.mkdir("beside")
END`,
      folder,
    );
    const few = { before: "ulimit -n 64" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: few, receiver: few };
    const engine = ["--io", io];
    assertStatuses(await copyTree({ ...options, send: engine, receive: engine }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
    const again = await copyTree({ ...options, send: engine, receive: [...engine, "--exists", "replace"] });
    assertStatuses(again, 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
});

testEngines("64 directories side by side and 64 large files, with 64 descriptors at each end", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" && cd "$1/a" && head -c 1100000 /dev/urandom > large-0 &&
      for i in $(seq 1 63); do cp large-0 large-$i; done &&
      for i in $(seq 80); do mkdir -p d$i/inner; echo $i > d$i/file; echo $i > d$i/inner/file; done &&
      for i in 1 2 3; do head -c 6000000 /dev/urandom > d$i/larger; done`,
      folder,
    );
    const few = { before: "ulimit -n 64" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: few, receiver: few };
    assertStatuses(await copyTree({ ...options, send: ["--io", io], receive: ["--io", io] }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
});

testEngines("a umask of 077 at both ends takes nothing from any mode", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" && cd "$1/a" && for mode in 000 200 400 444 555 600 640 644 664 666 700 711 755 775 777; do
        echo $mode > f$mode; chmod $mode f$mode; mkdir d$mode; echo $mode > d$mode/file; chmod $mode d$mode/file d$mode
      done && head -c 5000000 /dev/urandom > large && chmod 666 large`,
      folder,
    );
    const strict = { before: "umask 077" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: strict, receiver: strict };
    assertStatuses(await copyTree({ ...options, send: ["--io", io], receive: ["--io", io] }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
}, { root: true });

testEngines("an ordinary user receives into a folder of its own, and owns what comes", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir "$1/a" "$1/home" && chown nobody "$1/home" && cd "$1/a" && mkdir -p sub/locked empty &&
      for i in $(seq 50); do echo $i > sub/f$i; done && head -c 5000000 /dev/urandom > large &&
      ln -s sub/f1 link && echo 1 > sub/locked/file && chmod 400 sub/locked/file && chmod 555 sub/locked`,
      folder,
    );
    const { sender, address } = await startSender({
      source: `${folder}/a`,
      target: "",
      send: ["--io", io],
    });
    await using _sender = sender;
    const user = await OrdinaryUser.prepare(folder);
    const received = await user.run(["receive", "--insecure", "-a", address, "--io", io, `${folder}/home/b`]);
    assertStatuses({ sent: await sender.end(), received }, 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/home/b`, comparison);
    assertEquals(await shell('find "$1/home/b" -not -user nobody', folder), "");
  });
}, { root: true, programs: ["setpriv"] });

/** The user `nobody`, with a copy of the program where that user can read it. */
class OrdinaryUser {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async prepare(folder: string): Promise<OrdinaryUser> {
    const root = new URL("../../", import.meta.url).pathname;
    await shell(
      `mkdir "$1/program" "$1/program/cache" && cd "$1/program" && cp "$2" deno && cp -r "$3"/{src,ffi,wasm,deno.json,deno.lock} . &&
      cp -r "$4/npm" cache/ && chmod -R a+rX . && chown -R nobody .`,
      folder,
      Deno.execPath(),
      root,
      await denoDirectory(),
    );
    return new OrdinaryUser(folder);
  }

  async run(args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const program = `${this.#folder}/program`;
    const { code, stdout, stderr } = await new Deno.Command("setpriv", {
      args: [
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        ...[
          `${program}/deno`,
          "run",
          "-A",
          "--no-prompt",
          "--cached-only",
          `${program}/src/main.ts`,
          ...args,
        ],
      ],
      cwd: program,
      clearEnv: true,
      env: { DENO_DIR: `${program}/cache`, HOME: program, PATH: "/usr/bin:/bin", NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }
}

async function denoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

testEngines("a file and a directory that cannot be read fail alone, at both ends with 23", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/closed" "$1/a/open" && cd "$1/a" && echo 1 > closed/file && echo 2 > open/file &&
      echo 3 > secret && head -c 5000000 /dev/urandom > open/large-secret && chmod 0 closed secret open/large-secret`,
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
      for (const path of ["closed", "secret", "open/large-secret"]) {
        assertMatch(stderr, new RegExp(`not copied: ${path}: `));
      }
    }
    assertEquals(await shell('cd "$1/b" && find . -type f', folder), "./open/file\n");
  });
}, { root: true, programs: ["setpriv"] });

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

testEngines(
  "files that vanish while a run is under way are reported, the rest is complete: 24",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `mkdir -p "$1/a/0" "$1/a/z" && cd "$1/a" && head -c 200000000 /dev/zero > 0/large &&
      head -c 9000000 /dev/urandom > z/large && for i in $(seq 300); do head -c 90000 /dev/zero > z/f$i; done`,
        folder,
      );
      const options = {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
      };
      const { sender, address } = await startSender(options);
      await using _sender = sender;
      let removed = false;
      const small = Array.from({ length: 200 }, (_, i) => `z/f${i + 101}`);
      await using proxy = new Proxy(address, {
        // The manifest has gone by, and most of the content has not been read: sockets hold 40 MB at most.
        onChunk: (_, __, total) => {
          if (removed || total < 3_000_000) return;
          removed = true;
          for (const path of [...small, "z/large", "0/large"]) Deno.removeSync(`${folder}/a/${path}`);
        },
      });
      await using receiver = startReceiver(options, proxy.address);
      const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
      assertEquals(removed, true);
      assertStatuses({ sent, received }, 24);
      // Some of the small ones were on their way by then, and have arrived; the list shows twenty and counts the rest.
      const arrived = small.filter((path) => existsSync(`${folder}/b/${path}`));
      for (const { stderr } of [sent, received]) {
        const listed = stderr.match(/not copied: \S+: .* (vanished|changed) /g) ?? [];
        const more = Number(/not copied: (\d+) more/.exec(stderr)?.[1] ?? 0);
        assertEquals(listed.length + more, small.length - arrived.length + 2, stderr);
      }
      for (const path of arrived) {
        assertEquals(Deno.readFileSync(`${folder}/b/${path}`), new Uint8Array(90_000), path);
        Deno.removeSync(`${folder}/b/${path}`);
      }
      await shell('diff -r "$1/a" "$1/b" && test -z "$(find "$1/b" -name ".rcopy-*")"', folder);
    });
  },
);

for (const engine of ["--allow-ffi", "--deny-ffi"]) {
  testWhere(
    { mount: true },
    `a disk that is full in the middle of a large file keeps no part of it: 5 (${engine})`,
    async () => {
      await withFolder(async (folder) => {
        await shell(
          'mkdir -p "$1/a/new" && cd "$1/a/new" && echo 1 > small && head -c 30000000 /dev/urandom > large',
          folder,
        );
        await withTmpfs(`${folder}/disk`, "size=64m", async () => {
          const options = { source: `${folder}/a`, target: `${folder}/disk/b` };
          const { sender, address } = await startSender(options);
          await using _sender = sender;
          let filled = false;
          await using proxy = new Proxy(address, {
            // The room was there when the run began.
            onChunk: async (_, __, total) => {
              if (filled || total < 6_000_000) return;
              filled = true;
              await shell('head -c 100000000 /dev/zero > "$1/disk/filler" || true', folder);
            },
          });
          const files = ["--allow-net", "--allow-read", "--allow-write"];
          const receiver = { permissions: [...files, engine] };
          await using receiving = startReceiver({ ...options, receiver }, proxy.address);
          const [sent, received] = await Promise.all([sender.end(), receiving.end()]);
          assertStatuses({ sent, received }, 5);
          const left = await shell('cd "$1/disk/b" && find . -type f -o -name ".rcopy-*"', folder);
          assertEquals(left.replace("./new/small\n", ""), "");
        });
      });
    },
  );
}

Deno.test("a PATH that vanishes before a receiver comes ends both ends: 2 and 4", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    await Deno.remove(`${folder}/a`, { recursive: true });
    await using receiver = startReceiver(options, address);
    const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
    assertEquals([sent.status, received.status], [2, 4], sent.stderr + received.stderr);
    for (const { stderr } of [sent, received]) assertMatch(stderr, /no such file or directory/);
  });
});
