/** A network namespace in which nothing else runs: a loopback of limited speed that counts, swallows and resets. */
import { shell, whyNot } from "./test_folder.ts";

/** Slow enough that a test meets points within a copy; as `tc` reads it. */
const defaultRate = "600mbit";
/** What a socket may hold at either end, in bytes. */
export const socketBytes = 256 * 1024;

let made = 0;

/** Why there can be none here; `undefined` where there can. */
export function whyNoQuietNetwork(): string | undefined {
  const why = whyNot({ root: true, programs: ["ip", "nft"] });
  if (why !== undefined) return why;
  const { success } = new Deno.Command("unshare", {
    args: [
      "-n",
      "bash",
      "-c",
      `ip link set lo up && tc qdisc add dev lo root tbf rate ${defaultRate} burst 256kb latency 50ms && nft list tables`,
    ],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? undefined : "this system limits and filters no network";
}

export class QuietNetwork implements AsyncDisposable {
  /** The words that start a program in it. */
  readonly within: readonly string[];
  readonly #name: string;
  /** Holds the namespace, and reads its counters. */
  readonly #witness: Deno.ChildProcess;

  private constructor(name: string) {
    this.#name = name;
    this.within = ["ip", "netns", "exec", name];
    const [program, ...rest] = [...this.within, "sleep", "infinity"];
    this.#witness = new Deno.Command(program!, { args: rest, stdin: "null" }).spawn();
  }

  static async make(rate: string = defaultRate): Promise<QuietNetwork> {
    const name = `rcopy-quiet-${Deno.pid}-${made++}`;
    await shell(
      `ip netns add "$1" && ip netns exec "$1" bash -c '
        ip link set lo up && for kind in tcp_rmem tcp_wmem; do echo "4096 65536 $1" >/proc/sys/net/ipv4/$kind; done &&
        tc qdisc add dev lo root tbf rate $2 burst 256kb latency 50ms' - "$2" "$3"`,
      name,
      String(socketBytes),
      rate,
    );
    return new QuietNetwork(name);
  }

  /** Bytes that have travelled so far, both ways. */
  get bytes(): number {
    const counters = Deno.readTextFileSync(`/proc/${this.#witness.pid}/net/dev`).split("\n");
    const loopback = counters.find((line) => /^\s*lo:/.test(line));
    return Number(loopback!.trim().split(/\s+/)[1]);
  }

  /** From now on everything is swallowed, or answered with a reset, until {@linkcode heal}. */
  async disturb(how: "black hole" | "reset"): Promise<void> {
    const verdict = how === "reset" ? "meta l4proto tcp reject with tcp reset" : "drop";
    await this.#nft(
      `add table inet quiet\nadd chain inet quiet in { type filter hook input priority 0; }\nadd rule inet quiet in ${verdict}`,
    );
  }

  async heal(): Promise<void> {
    await this.#nft("delete table inet quiet");
  }

  async #nft(text: string): Promise<void> {
    await shell('printf "%s\\n" "$2" | ip netns exec "$1" nft -f -', this.#name, text);
  }

  /** Programs in it must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#witness.kill("SIGKILL");
    await this.#witness.status;
    await shell('ip netns del "$1"', this.#name);
  }
}

/** As many as are in use at a time. */
export class QuietNetworks implements AsyncDisposable {
  readonly #free: QuietNetwork[] = [];

  async use<T>(body: (network: QuietNetwork) => Promise<T>): Promise<T> {
    const network = this.#free.pop() ?? await QuietNetwork.make();
    try {
      return await body(network);
    } finally {
      this.#free.push(network);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const network of this.#free) await network[Symbol.asyncDispose]();
  }
}
