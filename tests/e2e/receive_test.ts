/** What `rcopy receive` makes of DEST, for whom, and how it ends when the sender misbehaves or is not there. */
import { assertEquals, assertMatch } from "@std/assert";
import { whyNoNamespaces } from "../helpers/namespaces.ts";
import { Proxy } from "../helpers/proxy.ts";
import {
  assertStatuses,
  copyTree,
  RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

testEngines(
  "DEST keeps its own mode and time, and is made with its parents where it is missing",
  async (io) => {
    await withFolder(async (folder) => {
      await shell('cd "$1" && mkdir a b && chmod 711 a && chmod 750 b && touch -d 2001-01-01 a b', folder);
      const made = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/new/deep/b`,
        receive: ["--io", io],
      });
      assertStatuses(made, 0);
      assertStatuses(
        await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io] }),
        0,
      );
      assertEquals(
        await shell('stat -c "%a %Y" "$1/b"', folder),
        await shell("echo 750 $(date -d 2001-01-01 +%s)"),
      );
      assertEquals(await shell('ls -A "$1/new/deep/b"', folder), "");
    });
  },
);

testEngines(
  "names that begin as rcopy's own are ordinary names, and a killed run's journal is not sent on",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p a/.rcopy-0123456789abcdef/x a/d b/.rcopy-notes && echo 1 > a/.rcopy-0123456789abcdef/x/f &&
      echo mine > b/.rcopy-notes/keep && echo own > b/.rcopy-run-0 && printf 'rcopy run journal 1\\n' > a/d/.rcopy-run-0 &&
      echo notes > a/.rcopy-run-1`,
        folder,
      );
      const { sent, received } = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
      });
      assertStatuses({ sent, received }, 0);
      assertMatch(sent.stderr, /not copied: d\/\.rcopy-run-0: left out/);
      const files = await shell('cd "$1/b" && find . -type f | sort | xargs grep -H ""', folder);
      assertEquals(
        files,
        "./.rcopy-0123456789abcdef/x/f:1\n./.rcopy-notes/keep:mine\n./.rcopy-run-0:own\n./.rcopy-run-1:notes\n",
      );
    });
  },
);

for (const exists of ["changed", "skip", "replace", "fail"]) {
  testEngines(`a file that a killed run left unfinished is copied under --exists ${exists}`, async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p a/d b/d && for f in top d/file whole; do echo content of $f > a/$f; done && cp -p a/whole b/ &&
        for f in top d/file; do echo half > b/$f && chmod 1600 b/$f; done`,
        folder,
      );
      if (exists === "fail") await shell('rm "$1/b/whole"', folder);
      const { sent, received } = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io, "--exists", exists],
      });
      assertStatuses({ sent, received }, 0);
      await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    });
  });
}

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

Deno.test("a receiver gives up where nobody listens, and connects to a sender that comes a moment later", async () => {
  await withFolder(async (folder) => {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${free.addr.port}`;
    free.close();
    await using alone = startReceiver({ source: "", target: `${folder}/b` }, address);
    const { status, stderr } = await alone.end();
    assertEquals(status, 4);
    assertMatch(stderr, /cannot reach the peer/);

    // Started first, with the sender a moment later on that port.
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    await using early = startReceiver({ source: "", target: `${folder}/b` }, address);
    await using sender = new RcopyProcess([
      "send",
      "--insecure",
      "-l",
      "-p",
      address.split(":")[1]!,
      `${folder}/a`,
    ]);
    assertStatuses({ sent: await sender.end(), received: await early.end() }, 0);
  });
});

Deno.test("a connection that ends between two frames ends the receiver with 4, whichever frame it was", async () => {
  for (const frames of [1, 2, 3]) {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/a" && head -c 300000 /dev/urandom > "$1/a/file"', folder);
      const options = { source: `${folder}/a`, target: `${folder}/b`, receive: ["--patience", "0s"] };
      const { sender, address } = await startSender(options);
      await using _sender = sender;
      let due = frames;
      await using proxy: Proxy = new Proxy(address, {
        onControlFrame: () => {
          if (due-- === 0) proxy.cut(); // before this frame goes on, after the last one did
        },
      });
      await using receiver = startReceiver(options, proxy.address);
      const { status, stderr } = await receiver.end();
      assertEquals(status, 4, stderr);
      const left = await shell(
        'cd "$1" && find b -type f ! -name ".rcopy-*" ! -perm 1600 -exec cmp a/file {} ";"',
        folder,
      );
      assertEquals(left, "", "what is there is whole");
    });
  }
});

for (const hostile of ["../pwned", "/pwnedxx", "a/pwnedx", "pwned\0xx"]) {
  testEngines(
    `a sender that names ${JSON.stringify(hostile)} ends the session and writes nothing`,
    async (io) => {
      await withFolder(async (folder) => {
        const canary = await Canary.plant(`${folder}/canary`);
        await shell('mkdir "$1/source" && cd "$1/source" && echo 1 > harmless && mkdir a', folder);
        await Deno.rename(`${folder}/source/harmless`, `${folder}/source/harmles8`);
        const options = { source: `${folder}/source`, target: `${folder}/target`, receive: ["--io", io] };
        const { sender, address } = await startSender(options);
        await using _sender = sender;
        let changed = 0;
        await using proxy = new Proxy(address, {
          onControlFrame: (message) => changed += replaceBytes(message, "harmles8", hostile),
        });
        await using receiver = startReceiver(options, proxy.address);
        const { status, stderr } = await receiver.end();
        assertEquals(changed, 1, "the name went by");
        assertEquals(status, 3, stderr);
        assertEquals(await shell('cd "$1" && find . -name "*pwned*" && find target -type f', folder), "");
        await canary.assertUntouched();
      });
    },
  );
}

/** The user `nobody`, with a copy of the program where that user can read it. */
class OrdinaryUser {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async prepare(folder: string): Promise<OrdinaryUser> {
    const root = new URL("../../", import.meta.url).pathname;
    await shell(
      `mkdir "$1/program" "$1/program/cache" && cd "$1/program" && cp "$2" deno && cp -r "$3"/{src,ffi,wasm} . &&
      (cd "$4" && for name in "\${@:5}"; do cp -r --parents npm/*/"$name" "$1/program/cache/" || exit 1; done) &&
      chmod -R a+rX . && chown -R nobody .`,
      folder,
      Deno.execPath(),
      root,
      await denoDirectory(),
      ...packagesOfProgram(),
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

/** The names of the packages that the program runs with. */
function packagesOfProgram(): string[] {
  const { npm } = JSON.parse(Deno.readTextFileSync(new URL("../../src/deno.lock", import.meta.url)));
  return Object.keys(npm).map((id) => id.slice(0, id.lastIndexOf("@")));
}

async function denoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** Replaces a text by another of its length, and counts. */
function replaceBytes(bytes: Uint8Array, text: string, by: string): number {
  const [wanted, given] = [new TextEncoder().encode(text), new TextEncoder().encode(by)];
  assertEquals(given.length, wanted.length);
  let count = 0;
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (!wanted.every((byte, i) => bytes[at + i] === byte)) continue;
    bytes.set(given, at);
    count++;
  }
  return count;
}

Deno.test("a deno.json that is replaced in DEST is said once, before the summary", async () => {
  await withFolder(async (folder) => {
    await shell(
      `cd "$1" && mkdir a b && echo '{"imports":{}}' > a/deno.json && echo '{}' > b/deno.json && echo 1 > a/file`,
      folder,
    );
    const copy = () => copyTree({ source: `${folder}/a`, target: `${folder}/b` });
    const replaced = await copy();
    assertStatuses(replaced, 0);
    assertMatch(
      replaced.received.stderr,
      /^rcopy: deno\.json of ".*\/b" has been replaced: .*--no-config\nrcopy: replaced: deno\.json\nrcopy: received 2 files/m,
    );
    const again = await copy();
    assertStatuses(again, 0);
    assertEquals(again.received.stderr.includes("has been replaced"), false, again.received.stderr);
  });
});

const whyNoZone = whyNoNamespaces();
Deno.test({
  name: `a link-local address with its zone leads to the sender, by ticket, by key and without either${
    whyNoZone ? ` (${whyNoZone})` : ""
  }`,
  ignore: whyNoZone !== undefined,
  async fn() {
    const name = `rcopy-zone-${Deno.pid}`;
    await withFolder(async (folder) => {
      try {
        await shell(
          'mkdir "$1/a" && echo 1 > "$1/a/one" && ssh-keygen -q -t ed25519 -N "" -f "$1/identity" && ip netns add "$2" && ' +
            'ip -n "$2" link set lo up && ip -n "$2" link add here type veth peer name there && ' +
            'ip -n "$2" link set here up && ip -n "$2" link set there up && ip -n "$2" addr add fe80::77/64 dev here nodad',
          folder,
          name,
        );
        const within = ["ip", "netns", "exec", name];
        const env = { NODE_EXTRA_CA_CERTS: "" };
        const key = ["--identity", `${folder}/identity`];
        for (
          const [how, more] of [
            ["insecure", ["--insecure"]],
            ["key", ["--auth", "ssh", ...key]],
            ["ticket", ["--auth", "ticket"]],
          ] as const
        ) {
          await using sender = new RcopyProcess(["send", "-p", "0", ...more, `${folder}/a`], { within, env });
          const [, port] = await sender.stderrMatch(/listening on port (\d+)/);
          const [, ticket] = how === "ticket" ? await sender.stdoutMatch(/(rcopy1\S+)/) : [];
          const options = how === "ticket" ? [] : more;
          const at = ["-a", `[fe80::77%here]:${port}`, ...ticket === undefined ? [] : [ticket]];
          await using receiver = new RcopyProcess(["receive", ...options, ...at, `${folder}/${how}`], {
            within,
            env,
          });
          const [received, sent] = [await receiver.end(), await sender.end()];
          assertEquals([sent.status, received.status], [0, 0], `${how}: ${received.stderr}${sent.stderr}`);
          assertEquals(await Deno.readTextFile(`${folder}/${how}/one`), "1\n");
        }
      } finally {
        await shell('ip netns del "$1" 2>/dev/null || true', name);
      }
    });
  },
});
