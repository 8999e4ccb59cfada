/** A real sshd on the loopback, to ask whom it lets in. */
import { freePort } from "./free_port.ts";
import { shell } from "./test_folder.ts";

/** An sshd that reads `authorized_keys` in `folder`; it lets in whoever runs the test. */
export class RealSshd {
  readonly #folder: string;
  readonly #port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(folder: string, port: number, child: Deno.ChildProcess) {
    this.#folder = folder;
    this.#port = port;
    this.#child = child;
  }

  /**
   * `within` are the words that start a program elsewhere, as in a network namespace. `folder` must hold a host key in `host`, and the folders above it must be nobody else's to write
   * to.
   */
  static async start(folder: string, options: { within?: readonly string[] } = {}): Promise<RealSshd> {
    await Deno.mkdir("/run/sshd", { recursive: true, mode: 0o755 });
    const port = freePort();
    const lines = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized_keys`,
      `PidFile none`,
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin yes",
      "StrictModes no",
      "UsePAM no",
    ];
    await Deno.writeTextFile(`${folder}/config`, `${lines.join("\n")}\n`);
    const [program, ...args] = [
      ...options.within ?? [],
      "/usr/sbin/sshd",
      "-D",
      "-e",
      "-f",
      `${folder}/config`,
    ];
    const child = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const log = child.stderr.getReader();
    let text = "";
    while (!text.includes("Server listening")) {
      const { value, done } = await log.read();
      if (done) throw new Error(`sshd ended: ${text}`);
      text += new TextDecoder().decode(value);
    }
    // Nobody reads it any more: sshd ignores that.
    await log.cancel();
    return new RealSshd(folder, port, child);
  }

  /** The words that make ssh log in here with the key in file `identity`, without a host. */
  sshWords(identity: string): string[] {
    const options = [
      "IdentitiesOnly=yes",
      "IdentityAgent=none",
      "BatchMode=yes",
      "KexAlgorithms=curve25519-sha256",
      "StrictHostKeyChecking=no",
      `UserKnownHostsFile=${this.#folder}/hosts`,
      "LogLevel=ERROR",
    ];
    return [
      "ssh",
      "-F",
      "none",
      "-p",
      `${this.#port}`,
      "-i",
      identity,
      ...options.flatMap((one) => ["-o", one]),
    ];
  }

  get port(): number {
    return this.#port;
  }

  /** Whether it lets the key in file `identity` in. */
  async letsIn(identity: string): Promise<boolean> {
    const ssh =
      'ssh -F none -T -n -p "$1" -i "$2" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes ' +
      '-o KexAlgorithms=curve25519-sha256 -o StrictHostKeyChecking=no -o UserKnownHostsFile="$3/hosts" -o LogLevel=ERROR 127.0.0.1 exit 7; echo "$?"';
    const printed = await shell(ssh, String(this.#port), identity, this.#folder);
    // Any other status is that of the command, which a line of the file may have chosen.
    return printed.trim().split("\n").at(-1) !== "255";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}
