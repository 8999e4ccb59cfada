/** The install line of the README in a clean home, and what it makes: from this checkout, from JSR, and through ssh. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RealSshd } from "../helpers/real_sshd.ts";
import { Registry } from "../helpers/registry.ts";
import { makeSshKey } from "../helpers/ssh_keys.ts";
import { comparisonOf, shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const root = new URL("../../", import.meta.url).pathname;
const readme = Deno.readTextFileSync(`${root}README.md`);
const { version } = JSON.parse(Deno.readTextFileSync(`${root}deno.json`)) as { version: string };

/** The line that the README tells to run in a checkout. */
const installLine = /^deno install .* -n rcopy src\/main\.ts$/m.exec(readme)?.[0] ?? "";
/** The place in it that is another one for JSR. */
const fromJsr = installLine.replace("src/main.ts", "jsr:@rcopy/cli");
/** What the README tells to start without installing. */
const startLine = /`(deno run [^`]* jsr:@rcopy\/cli)`/.exec(readme)?.[1] ?? "";

interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

/** A user's home with nothing in it but a Deno where its own installer puts it. */
class CleanHome {
  readonly path: string;
  readonly environment: Record<string, string>;

  private constructor(path: string, environment: Record<string, string>) {
    this.path = path;
    this.environment = environment;
  }

  static async make(path: string, { environment }: Registry): Promise<CleanHome> {
    await Deno.mkdir(`${path}/.deno/bin`, { recursive: true });
    await Deno.symlink(Deno.execPath(), `${path}/.deno/bin/deno`);
    return new CleanHome(path, { HOME: path, NO_COLOR: "1", NODE_EXTRA_CA_CERTS: "", ...environment });
  }

  /** Runs a shell line with that environment alone. */
  async run(line: string, { cwd = this.path, withDeno = true } = {}): Promise<Ended> {
    const { code, stdout, stderr } = await this.#command(line, { cwd, withDeno }).output();
    const decoder = new TextDecoder();
    return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  start(line: string, cwd: string): Deno.ChildProcess {
    return this.#command(line, { cwd, withDeno: true }).spawn();
  }

  #command(line: string, { cwd, withDeno }: { cwd: string; withDeno: boolean }): Deno.Command {
    const path = `${withDeno ? `${this.path}/.deno/bin:` : ""}/usr/sbin:/usr/bin:/sbin:/bin`;
    return new Deno.Command("sh", {
      args: ["-c", line],
      cwd,
      clearEnv: true,
      env: { ...this.environment, PATH: path },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** A folder whose files would take the place of rcopy's, if Deno asked them. */
async function makeHostileFolder(path: string, { url }: Registry): Promise<void> {
  const hijack = 'console.log("HIJACKED"); Deno.exit(0);\n';
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/other.ts`, hijack);
  const targets = [
    "jsr:@rcopy/cli",
    `${url}@rcopy/cli/${version}/src/cli/run.ts`,
    `file://${root}src/cli/run.ts`,
    "npm:capnp-es@0.0.16",
  ];
  const imports = Object.fromEntries(targets.map((target) => [target, "./other.ts"]));
  await Deno.writeTextFile(`${path}/deno.json`, JSON.stringify({ imports, nodeModulesDir: "manual" }));
  const { npm } = JSON.parse(await Deno.readTextFile(`${root}src/deno.lock`)) as {
    npm: Record<string, unknown>;
  };
  const dependencies: Record<string, string> = {};
  for (const id of Object.keys(npm)) {
    const [name, version] = [id.slice(0, id.lastIndexOf("@")), id.slice(id.lastIndexOf("@") + 1)];
    dependencies[name] = version;
    const folder = `${path}/node_modules/${name}`;
    await Deno.mkdir(folder, { recursive: true });
    const manifest = { name, version, type: "module", exports: "./index.js" };
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    await Deno.writeTextFile(`${folder}/index.js`, hijack);
  }
  await Deno.writeTextFile(`${path}/package.json`, JSON.stringify({ name: "other", dependencies }));
}

/** One rcopy sends the tree `a` of `folder` to another one that runs in `cwd`, by a ticket. */
async function copyWithin(
  { folder, home, cwd }: { folder: string; home: CleanHome; cwd: string },
): Promise<void> {
  await shell(
    'mkdir -p "$1/a/d" && seq 1000 > "$1/a/d/one" && head -c 3000000 /dev/urandom > "$1/a/two"',
    folder,
  );
  const sender = home.start(`exec rcopy send -l -p 0 --quiet '${folder}/a'`, cwd);
  const [line, rest] = await firstLine(sender.stdout);
  const ticket = /rcopy1\w+/.exec(line)?.[0];
  const received = await home.run(`rcopy receive '${ticket}' '${folder}/b'`, { cwd });
  assertEquals(received.status, 0, received.stderr + await new Response(sender.stderr).text());
  await rest.cancel();
  assertEquals((await sender.status).code, 0);
  await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<[string, ReadableStreamDefaultReader]> {
  const reader = stream.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  return [text, reader];
}

function testInstalled(name: string, body: (folder: string, registry: Registry) => Promise<void>): void {
  testWhere({ programs: ["tar"] }, name, () =>
    withFolder(async (folder) => {
      await using registry = await Registry.start();
      await body(folder, registry);
    }));
}

testInstalled(
  "the README's install line makes an rcopy that copies, and files of the current directory have no say in it",
  async (folder, registry) => {
    const home = await CleanHome.make(`${folder}/home`, registry);
    const hostile = `${folder}/hostile`;
    await makeHostileFolder(hostile, registry);
    const installed = await home.run(installLine, { cwd: root });
    assertEquals(installed.status, 0, installed.stderr);
    const asked = await home.run("rcopy --version", { cwd: hostile });
    assertEquals([asked.stdout, asked.status], [`${version}\n`, 0], asked.stderr);
    await copyWithin({ folder, home, cwd: hostile });
  },
);

testInstalled(
  "the same line with jsr:@rcopy/cli, and the start without installing, take nothing of the current directory either",
  async (folder, registry) => {
    const home = await CleanHome.make(`${folder}/home`, registry);
    const hostile = `${folder}/hostile`;
    await makeHostileFolder(hostile, registry);
    const installed = await home.run(fromJsr);
    assertEquals(installed.status, 0, installed.stderr);
    await copyWithin({ folder, home, cwd: hostile });
    const ticket = "receive rcopy1aeahq3mcszaaaaaaaaaaaaaaaaaaaaaaaaaaaaa x";
    for (const name of ["deno.json", "package.json", "node_modules"]) {
      const started = await home.run(`${startLine} ${ticket}`, { cwd: hostile });
      assertMatch(started.stderr, /^rcopy: the ticket is mistyped/m, `with ${name}`);
      assertEquals([started.stdout, started.status], ["", 2]);
      if (name === "node_modules") break;
      // These files do have a say where a start lets them.
      const unsafe = await home.run(`${startLine.replace("--no-config ", "")} ${ticket}`, { cwd: hostile });
      assert(!unsafe.stderr.includes("mistyped"), unsafe.stderr);
      await Deno.remove(`${hostile}/${name}`);
    }
  },
);

testInstalled(
  "deno task install needs no deno in the PATH afterwards, and writes completions for the user's shell",
  async (folder, registry) => {
    const home = await CleanHome.make(`${folder}/home`, registry);
    for (
      const [shell, place] of [
        ["bash", ".local/share/bash-completion/completions/rcopy"],
        ["fish", ".config/fish/completions/rcopy.fish"],
      ]
    ) {
      const task = `SHELL=/bin/${shell} exec '${Deno.execPath()}' run -A --no-config .ci/tasks/install.ts`;
      const installed = await home.run(task, { cwd: root });
      assertEquals(installed.status, 0, installed.stderr);
      // The bundler is not to be had from this registry: the modules are installed then.
      assertMatch(installed.stdout, /cannot be bundled[^]*installing the modules/);
      assertMatch(
        await Deno.readTextFile(`${home.path}/${place}`),
        new RegExp(`^# ${shell} completion for rcopy`),
      );
    }
    const asked = await home.run("~/.deno/bin/rcopy --version", { withDeno: false });
    assertEquals([asked.stdout, asked.status], [`${version}\n`, 0], asked.stderr);
  },
);

/** An sshd that lets its user into the home `there`, with the PATH that a shell without login has. */
async function withSshTo(there: CleanHome, body: (rsh: string) => Promise<void>): Promise<void> {
  const place = `${there.path}/../sshd`;
  await Deno.mkdir(place, { mode: 0o700 });
  await makeSshKey(`${place}/host`);
  await makeSshKey(`${place}/user`);
  const key = (await Deno.readTextFile(`${place}/user.pub`)).trim();
  const environment = Object.entries(there.environment).map(([name, value]) => `${name}='${value}'`).join(
    " ",
  );
  const command =
    `cd '${there.path}' && exec env -i ${environment} PATH=/usr/bin:/bin sh -c "$SSH_ORIGINAL_COMMAND"`;
  const quoted = command.replaceAll('"', '\\"');
  await Deno.writeTextFile(`${place}/authorized_keys`, `command="${quoted}" ${key}\n`);
  await using sshd = await RealSshd.start(place);
  await body(sshd.sshWords(`${place}/user`).map((word) => `'${word}'`).join(" "));
}

testWhere(
  { programs: ["ssh", "ssh-keygen", "/usr/sbin/sshd", "tar"] },
  "HOST:PATH finds what the same line installed there, and says what to run where it has not been run",
  () =>
    withFolder(async (folder) => {
      await using registry = await Registry.start();
      const here = await CleanHome.make(`${folder}/here`, registry);
      const there = await CleanHome.make(`${folder}/there`, registry);
      assertEquals((await here.run(installLine, { cwd: root })).status, 0);
      await shell(
        'mkdir -p "$1/a/d" && seq 9 > "$1/a/d/x" && head -c 2000000 /dev/urandom > "$1/a/y"',
        folder,
      );
      await withSshTo(there, async (rsh) => {
        const user = (await shell("id -un")).trim();
        const withRsh = `--rsh "${rsh}"`;
        const sendLine = `rcopy send ${withRsh} '${folder}/a' '${user}@127.0.0.1:x'`;
        const missing = await here.run(sendLine);
        assertEquals(missing.status, 4, missing.stderr);
        assertMatch(
          missing.stderr,
          /has no rcopy.*; run there: deno install -g --no-config --no-prompt -A -n rcopy src\/main\.ts/,
        );

        assertEquals((await there.run(installLine, { cwd: root })).status, 0);
        const sent = await here.run(sendLine);
        assertEquals(sent.status, 0, sent.stderr);
        await assertEqualTrees(`${folder}/a`, `${there.path}/x`, comparisonOf());
        const received = await here.run(`rcopy receive ${withRsh} '${user}@127.0.0.1:x' '${folder}/b'`);
        assertEquals(received.status, 0, received.stderr);
        await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());

        // A program named by hand, with ~/ in the middle of its words.
        await Deno.mkdir(`${there.path}/it's mine`);
        const starter = 'PATH="$PATH:$HOME/.deno/bin" exec rcopy "$@"\n';
        await Deno.writeTextFile(`${there.path}/it's mine/start`, starter);
        const named = `sh "~/it's mine/start"`;
        const quoted = `'${named.replaceAll("'", "'\\''")}'`;
        const other = await here.run(
          `rcopy send ${withRsh} --remote-rcopy ${quoted} '${folder}/a' '${user}@127.0.0.1:z'`,
        );
        assertEquals(other.status, 0, other.stderr);
        await assertEqualTrees(`${folder}/a`, `${there.path}/z`, comparisonOf());
      });
    }),
);

Deno.test("every start of rcopy by deno that the documentation names has --no-config and --no-prompt", async () => {
  const found = await shell(
    `cd "$1" && grep -rnE 'deno (run|install) [^|]*(jsr:@rcopy|src/main\\.ts)' README.md CHANGELOG.md .github src ffi ` +
      `--include='*.md' --include='*.ts'`,
    root,
  );
  const lines = found.trim().split("\n").filter((line) => !/^\S+_test\.ts:/.test(line));
  assert(lines.length >= 4, found);
  for (const flag of ["--no-config", "--no-prompt"]) {
    assertEquals(lines.filter((line) => !line.includes(flag)), []);
  }
});
