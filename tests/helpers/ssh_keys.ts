/** Keys, made by OpenSSH itself, and a real agent to hold them. */
import { shell } from "./test_folder.ts";

/** What rcopy can use, by a short name: the arguments of `ssh-keygen`. */
export const keyKinds = {
  ed25519: ["-t", "ed25519"],
  p256: ["-t", "ecdsa", "-b", "256"],
  p384: ["-t", "ecdsa", "-b", "384"],
  rsa2048: ["-t", "rsa", "-b", "2048"],
  rsa3072: ["-t", "rsa", "-b", "3072"],
} as const;
export type KeyKindName = keyof typeof keyKinds;

/** Makes a key pair at `path` and `path.pub`. */
export async function makeSshKey(
  path: string,
  options: { args?: readonly string[]; passphrase?: string; comment?: string } = {},
): Promise<void> {
  const { args = keyKinds.ed25519, passphrase = "", comment = "test" } = options;
  await shell(
    'ssh-keygen -q -N "$1" -C "$2" -f "$3" "${@:4}"',
    passphrase,
    comment,
    path,
    ...args,
  );
}

/** A real `ssh-agent` on a socket in `folder`, ended when disposed of. */
export class RealAgent {
  readonly socket: string;
  readonly #child: Deno.ChildProcess;

  private constructor(socket: string, child: Deno.ChildProcess) {
    this.socket = socket;
    this.#child = child;
  }

  static async start(folder: string): Promise<RealAgent> {
    const socket = `${folder}/agent`;
    const child = new Deno.Command("ssh-agent", {
      args: ["-D", "-a", socket],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // It prints where it listens once it does.
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    return new RealAgent(socket, child);
  }

  /** Runs `ssh-add` with these arguments; `input` goes to where it asks for a passphrase. */
  async add(...args: string[]): Promise<void> {
    const { success, stderr } = await new Deno.Command("ssh-add", {
      args,
      env: { SSH_AUTH_SOCK: this.socket },
      stdin: "null",
    }).output();
    if (!success) throw new Error(`ssh-add ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

/** An agent that answers each request with what `answer` makes of it; `undefined` leaves it waiting. */
export class ScriptedAgent {
  readonly socket: string;
  readonly requests: Uint8Array[] = [];
  readonly #listener: Deno.UnixListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #answer: (request: Uint8Array) => Uint8Array | undefined;
  readonly #served: Promise<void>;

  constructor(socket: string, answer: (request: Uint8Array) => Uint8Array | undefined) {
    this.socket = socket;
    this.#answer = answer;
    this.#listener = Deno.listen({ transport: "unix", path: socket });
    this.#served = this.#serve();
  }

  async #serve(): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const conn of this.#listener) served.push(this.#converse(conn));
    await Promise.all(served);
  }

  async #converse(conn: Deno.Conn): Promise<void> {
    this.#open.add(conn);
    const request = new Uint8Array(65536);
    try {
      for (let length; (length = await conn.read(request)) !== null;) {
        this.requests.push(request.slice(0, length));
        const answer = this.#answer(request.slice(0, length));
        if (answer !== undefined) {
          for (let at = 0; at < answer.length;) at += await conn.write(answer.subarray(at));
        }
      }
    } catch {
      // The client hangs up when it has seen enough.
    } finally {
      if (this.#open.delete(conn)) conn.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) {
      this.#open.delete(conn);
      conn.close();
    }
    await this.#served;
  }
}
