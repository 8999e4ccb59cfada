/**
 * The servers that some peers need: an sshd with keys of its own, and an rsync daemon, for one comparison.
 */

/** Where they are. */
export interface PeerServers {
  sshPort: number;
  keyFile: string;
  /** Options for ssh, scp and sftp. */
  sshOptions: string;
  /** A command line of ssh. */
  ssh: string;
  rsyncPort: number;
}

/** A server that peers use. */
export type ServerName = "sshd" | "rsync";

const sshPort = freePort();
const rsyncPort = freePort();

/** One that nobody listens on now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

export class Servers implements AsyncDisposable {
  readonly places: PeerServers;
  readonly #children: ReadonlyMap<ServerName, Deno.ChildProcess>;

  private constructor(places: PeerServers, children: ReadonlyMap<ServerName, Deno.ChildProcess>) {
    this.places = places;
    this.#children = children;
  }

  /**
   * Starts those whose programs are installed; configuration and keys are in `folder`, targets of rsync in
   * `targets`.
   */
  static async start(
    folder: string,
    targets: string,
    installed: (program: string) => boolean,
  ): Promise<Servers> {
    const keyFile = `${folder}/key`;
    const sshOptions =
      `-i ${keyFile} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    const ssh = `ssh ${sshOptions} -p ${sshPort}`;
    const children = new Map<ServerName, Deno.ChildProcess>();
    if (installed("sshd")) {
      for (const name of ["key", "hostkey"]) {
        await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${name}`]);
      }
      Deno.copyFileSync(`${keyFile}.pub`, `${folder}/authorized_keys`);
      Deno.chmodSync(`${folder}/authorized_keys`, 0o600);
      Deno.writeTextFileSync(
        `${folder}/sshd_config`,
        [
          `Port ${sshPort}`,
          "ListenAddress 127.0.0.1",
          `HostKey ${folder}/hostkey`,
          `AuthorizedKeysFile ${folder}/authorized_keys`,
          "StrictModes no",
          "PermitRootLogin yes",
          "UsePAM no",
          `PidFile ${folder}/sshd.pid`,
          "Subsystem sftp internal-sftp",
        ].join("\n"),
      );
      Deno.mkdirSync("/run/sshd", { recursive: true });
      const path = new TextDecoder().decode((await run("bash", ["-c", "command -v sshd"])).stdout).trim();
      children.set("sshd", spawn(path, ["-D", "-f", `${folder}/sshd_config`]));
    }
    if (installed("rsync")) {
      Deno.writeTextFileSync(
        `${folder}/rsyncd.conf`,
        `use chroot = no\nmunge symlinks = no\n[target]\npath = ${targets}\nread only = no\nuid = 0\ngid = 0\n`,
      );
      const address = ["--address=127.0.0.1", `--port=${rsyncPort}`];
      children.set(
        "rsync",
        spawn("rsync", ["--daemon", "--no-detach", ...address, `--config=${folder}/rsyncd.conf`]),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    return new Servers({ sshPort, keyFile, sshOptions, ssh, rsyncPort }, children);
  }

  /** The process of a server, if it runs. */
  pidsOf(name: ServerName): number[] {
    const child = this.#children.get(name);
    return child ? [child.pid] : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.values()) {
      child.kill("SIGTERM");
      await child.status;
    }
  }
}

function spawn(command: string, args: string[]): Deno.ChildProcess {
  return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
}

async function run(command: string, args: string[]): Promise<Deno.CommandOutput> {
  const output = await new Deno.Command(command, { args }).output();
  if (!output.success) throw new Error(`${command} failed: ${new TextDecoder().decode(output.stderr)}`);
  return output;
}
