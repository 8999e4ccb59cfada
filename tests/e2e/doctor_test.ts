/** The flags that doctor prints, used as they are: they are enough, and nothing beyond them is asked for. */
import { resolve } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { assertStatuses, copyTree, type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** A folder with what the command lines below name. */
const makePlaces = `cd "$1" && mkdir -p plain/sub/deep "with space, comma" elsewhere/inner there &&
  echo 1 > plain/file && echo 2 > plain/sub/deep/file && head -c 5000000 /dev/urandom > plain/sub/large &&
  echo 3 > "with space, comma/file" && echo 4 > elsewhere/inner/file &&
  ln -s elsewhere/inner link-to-directory && ln -s elsewhere/inner/file link-to-file && ln -s there link-to-dest`;

/** What is sent and received, where it lands, and what must be equal there. ADDRESS stands for the sender's. */
const copies: {
  name: string;
  send: string[];
  receive: string[];
  /** Source and target to compare; nothing may have been written without them. */
  equal?: [string, string];
}[] = [
  { name: "a directory", send: ["plain"], receive: ["new/deep"], equal: ["plain", "new/deep"] },
  { name: "a slash at the end", send: ["plain/"], receive: ["new/"], equal: ["plain", "new"] },
  { name: "a file", send: ["plain/sub/large"], receive: ["new/"], equal: ["plain/sub/large", "new/large"] },
  { name: "several PATHs", send: ["plain/file", "plain/sub"], receive: ["new"], equal: ["plain", "new"] },
  {
    name: "a link to a directory",
    send: ["link-to-directory"],
    receive: ["new"],
    equal: ["elsewhere/inner", "new"],
  },
  {
    name: "a link to a file",
    send: ["link-to-file"],
    receive: ["new/"],
    equal: ["elsewhere/inner/file", "new/link-to-file"],
  },
  { name: "DEST by a link", send: ["plain"], receive: ["link-to-dest"], equal: ["plain", "there"] },
  {
    name: "DEST below a link",
    send: ["plain"],
    receive: ["link-to-dest/new"],
    equal: ["plain", "there/new"],
  },
  {
    name: "spaces and commas",
    send: ["with space, comma"],
    receive: ["new, it's"],
    equal: ["with space, comma", "new, it's"],
  },
  { name: "--durable", send: ["plain"], receive: ["--durable", "new"], equal: ["plain", "new"] },
  { name: "--dry-run", send: ["plain"], receive: ["--dry-run", "new"] },
  {
    name: "--io deno",
    send: ["--io", "deno", "plain"],
    receive: ["--io", "deno", "new"],
    equal: ["plain", "new"],
  },
];

const channels = [{ channel: "a ticket", insecure: [] }, { channel: "--insecure", insecure: ["--insecure"] }];
// The first over both channels, the others by turns: what is named, and how it travels, ask for flags of their own each.
const every = copies.flatMap((copy, row) =>
  channels.filter((_, column) => row === 0 || row % 2 === column).map((channel) => ({ ...copy, ...channel }))
);
for (const { name, send, receive, equal, channel, insecure } of every) {
  Deno.test(`doctor's flags are enough, and nothing else is asked for: ${name}, by ${channel}`, async () => {
    await withFolder(async (folder) => {
      await shell(makePlaces, folder);
      const sending = ["send", ...insecure, "-l", "-p", `${freePort()}`, ...send];
      const sendFlags = await flagsFor(sending, folder);
      await using sender = scoped(sending, sendFlags, folder, "audit-send");
      const [, how] = await sender.stdoutMatch(/rcopy receive (--insecure -a \S+|rcopy1\S+) .+\n/);
      const receiving = ["receive", ...how!.split(" "), ...receive];
      const receiveFlags = await flagsFor(receiving, folder);
      await using receiver = scoped(receiving, receiveFlags, folder, "audit-receive");
      const received = await receiver.end();
      assertEquals(received.status, 0, received.stderr); // without it the sender would wait for another one
      // A dry run leaves the sender waiting.
      if (!equal) sender.kill("SIGINT");
      assertEquals((await sender.end()).status, equal ? 0 : 130);
      if (equal) await shell('cd "$1" && diff -r "$2" "$3"', folder, ...equal);
      else await shell('! test -e "$1/new"', folder);
      await assertWithin(sendFlags, folder, "audit-send");
      await assertWithin(receiveFlags, folder, "audit-receive");
      if (!equal) assert(!receiveFlags.join(" ").includes("--allow-write"), receiveFlags.join(" "));
    });
  });
}

Deno.test("doctor counts native code in where io_uring is demanded", async () => {
  for (
    const command of [["send", "--io", "uring", "."], ["receive", "--insecure", "-a", "h:1", "--io", "uring"]]
  ) {
    assert((await flagsFor(command, Deno.cwd())).includes("--allow-ffi"));
  }
});

Deno.test("what doctor prints can be pasted into a shell", async () => {
  await withFolder(async (folder) => {
    const command = ["receive", "--insecure", "-a", "[::1]:3120", `${folder}/it's "$HOME" new`];
    await using doctor = new RcopyProcess(["doctor", ...command]);
    const { stdout } = await doctor.end();
    const words = await shell(`printf '%s\\n' ${stdout}`);
    assertEquals(words.split("\n").slice(0, -1), await flagsFor(command, folder));
  });
});

Deno.test("links need unscoped read and write, and come with them", async () => {
  await withFolder(async (folder) => {
    await shell(makePlaces, folder);
    await shell('ln -s file "$1/plain/link" && ln -s /nowhere "$1/plain/sub/dangling"', folder);
    const options = { source: `${folder}/plain`, target: `${folder}/new` };
    const flags = await flagsFor(["receive", "--insecure", "-a", "127.0.0.1:1", options.target], folder);
    const read = flags.filter((flag) => !flag.startsWith("--allow-net"));
    const scopedRun = await copyTree({ ...options, receiver: { permissions: ["--allow-net", ...read] } });
    assertStatuses(scopedRun, 23);
    for (const { stderr } of [scopedRun.sent, scopedRun.received]) {
      assertMatch(stderr, /not copied: link: /);
      assertMatch(stderr, /not copied: sub\/dangling: /);
    }
    const permissions = ["--allow-net", "--allow-read", "--allow-write"];
    assertStatuses(await copyTree({ ...options, receiver: { permissions } }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
});

Deno.test("native code keeps to --allow-read and --allow-write", async () => {
  await withFolder(async (folder) => {
    await shell(makePlaces, folder);
    const native = ["--allow-net", "--allow-ffi"];
    const sending = ["send", "--insecure", "-l", "-p", "0", "plain"];
    const receiving = ["receive", "--insecure", "-a", "127.0.0.1:1", "there"];
    for (
      const [args, permissions, flag] of [
        [sending, native, "--allow-read"],
        [sending, [...native, "--allow-read=there"], "--allow-read"],
        [receiving, native, "--allow-read"],
        [receiving, [...native, "--allow-read", "--allow-write=plain"], "--allow-write"],
      ] as const
    ) {
      await using process = new RcopyProcess(args, { permissions, cwd: folder });
      const { status, stderr } = await process.end();
      assertEquals(status, 2, stderr);
      assert(stderr.includes(`Deno was not given ${flag} for it`), stderr);
    }
  });
});

/** What a run without a permission says about that, at which end. */
const missing = {
  ffi: { sender: /no io_uring: [^;]*--allow-ffi/g, receiver: /no io_uring: [^;]*--allow-ffi/g },
  sys: {
    sender: /without --allow-sys=networkInterfaces/g,
    // io_uring's engine asks the kernel itself.
    receiver: whyNoUringEngine() === undefined ? undefined : /without --allow-sys=statfs/g,
  },
  env: { sender: undefined, receiver: undefined },
  run: { sender: undefined, receiver: undefined },
};
for (const [name, notes] of Object.entries(missing)) {
  Deno.test(`without --allow-${name} the same tree arrives, with one clear note at most`, async () => {
    await withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/a`);
      makeSmallTree(`${folder}/a`, {
        directories: 6,
        filesPerDirectory: 10,
        sizeOf: (r) => Math.floor(r * 30_000),
      });
      const everything = await copyListening(folder, "all", []);
      const { sent, received } = await copyListening(folder, "less", [`--deny-${name}`]);
      await assertEqualTrees(`${folder}/a`, `${folder}/less`, comparison);
      const [hash, ...others] = treeHashes(sent, received);
      assert(hash, sent.stderr);
      assertEquals(others, [hash]);
      // Without io_uring times are kept to the millisecond, and a tree hash covers them.
      if (name !== "ffi") assertEquals([hash, hash], treeHashes(everything.sent, everything.received));
      for (const [end, said] of [["sender", sent], ["receiver", received]] as const) {
        const expected = notes[end] ? 1 : 0;
        assertEquals(said.stderr.match(/--allow-/g)?.length ?? 0, expected, said.stderr);
        if (notes[end]) assertEquals(said.stderr.match(notes[end])?.length, 1, said.stderr);
      }
    });
  });
}

/** A copy for which the sender listens on all addresses, so that it would show them. */
async function copyListening(folder: string, target: string, less: string[]) {
  const all = ["net", "read", "write", "ffi", "sys", "env", "run"].map((name) => `--allow-${name}`);
  const permissions = [...all.filter((flag) => !less.includes(flag.replace("allow", "deny")))];
  await using sender = new RcopyProcess(["send", "--insecure", "-p", "0", `${folder}/a`], { permissions });
  const [, port] = await sender.stderrMatch(/listening on port (\d+)/);
  const address = `127.0.0.1:${port}`;
  const receive = ["receive", "--insecure", "-a", address, `${folder}/${target}`];
  await using receiver = new RcopyProcess(receive, { permissions });
  const outcome = { sent: await sender.end(), received: await receiver.end() };
  assertStatuses(outcome, 0);
  return outcome;
}

function treeHashes(...outcomes: Outcome[]): (string | undefined)[] {
  return outcomes.map(({ stderr }) => /tree hash (\S+)/.exec(stderr)?.[1]);
}

/** The flags that `rcopy doctor` gives for a command line. */
async function flagsFor(command: string[], cwd: string): Promise<string[]> {
  await using doctor = new RcopyProcess(["doctor", "--json", ...command], { cwd });
  const { status, stdout, stderr } = await doctor.end();
  assertEquals(status, 0, stderr);
  return JSON.parse(stdout).flags;
}

/** A run with exactly these flags, and with a record of every permission that it asks for. */
function scoped(args: string[], permissions: string[], cwd: string, audit: string): RcopyProcess {
  return new RcopyProcess(args, { permissions, cwd, env: { DENO_AUDIT_PERMISSIONS: `${cwd}/${audit}` } });
}

async function assertWithin(flags: string[], folder: string, audit: string): Promise<void> {
  const lines = (await Deno.readTextFile(`${folder}/${audit}`)).trim().split("\n");
  assert(lines.length > 2, "nothing was recorded");
  for (const line of lines) {
    const { permission, value } = JSON.parse(line);
    const allowed = flags.find((flag) => flag.startsWith(`--allow-${permission}=`))?.split("=")[1]?.split(
      ",",
    );
    const host = String(value).replace(/:\d+$/, "");
    const isWithin = permission === "net"
      ? allowed?.includes(value) || allowed?.includes(host)
      : permission === "env"
      ? allowed?.includes(value)
      : typeof value === "string" &&
        allowed?.some((path) => `${resolve(folder, value)}/`.startsWith(`${resolve(folder, path)}/`));
    assert(isWithin, `${line} is not within ${flags.join(" ")}`);
  }
}

function freePort(): number {
  // Below the ports that the system hands out by itself, so that no other connection takes it before the sender does.
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
