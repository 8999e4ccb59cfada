/** Homes of people who have SSH keys, or have none, and copies between them. */
import { type RcopyOptions, RcopyProcess, withoutExtraTrust } from "./rcopy_process.ts";
import { keyKinds, makeSshKey } from "./ssh_keys.ts";

const ownHome = Deno.env.get("HOME") ?? "/";

/** A home with a folder `.ssh`. */
export class Home {
  readonly path: string;
  agentSocket = "";

  private constructor(path: string) {
    this.path = path;
  }

  static async make(path: string): Promise<Home> {
    await Deno.mkdir(`${path}/.ssh`, { recursive: true, mode: 0o700 });
    await Deno.chmod(path, 0o755);
    await Deno.chmod(`${path}/.ssh`, 0o700);
    return new Home(path);
  }

  /** With a key of its own. */
  static async withKey(path: string, args: readonly string[] = keyKinds.ed25519): Promise<Home> {
    const home = await Home.make(path);
    await makeSshKey(home.keyFile, { args });
    return home;
  }

  /** The first place where a key is looked for; what kind it is does not matter there. */
  get keyFile(): string {
    return `${this.path}/.ssh/id_ed25519`;
  }

  /** TYPE BASE64. */
  get publicKey(): string {
    return Deno.readTextFileSync(`${this.keyFile}.pub`).split(" ").slice(0, 2).join(" ");
  }

  get authorizedKeys(): string {
    return `${this.path}/.ssh/authorized_keys`;
  }

  /** Lets the key of another home in. */
  trust(other: Home, options = ""): void {
    const lead = options === "" ? "" : `${options} `;
    Deno.writeTextFileSync(this.authorizedKeys, `${lead}${other.publicKey}\n`, { append: true, mode: 0o600 });
  }

  /** Environment of somebody who lives here. */
  get env(): Record<string, string> {
    return {
      ...withoutExtraTrust,
      HOME: this.path,
      XDG_CONFIG_HOME: "",
      SSH_AUTH_SOCK: this.agentSocket,
      // What Deno has downloaded stays where it is.
      DENO_DIR: Deno.env.get("DENO_DIR") ?? `${ownHome}/.cache/deno`,
    };
  }

  run(args: readonly string[], options: RcopyOptions = {}): RcopyProcess {
    return new RcopyProcess(args, { ...options, env: { ...this.env, ...options.env } });
  }
}

/** Starts `rcopy send` on loopback and waits until it listens. The caller disposes of it. */
export async function startSshSender(
  home: Home,
  args: readonly string[],
): Promise<{ sender: RcopyProcess; port: number; line: string }> {
  const sender = home.run(["send", "-l", "-p", "0", ...args]);
  try {
    const [, port] = await sender.stderrMatch(/listening on port (\d+)/);
    const [line] = await sender.stdoutMatch(/^rcopy receive .*$/m);
    return { sender, port: Number(port), line };
  } catch (error) {
    await sender[Symbol.asyncDispose]();
    throw error;
  }
}
