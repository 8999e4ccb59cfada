/**
 * A slow path as a program: `delay_proxy.ts --listen HOST:PORT --target HOST:PORT --delay-ms N --window-bytes
 * N`. Every connection to it is carried to the target, each direction through a {@linkcode DelayLine} of its
 * own. Prints `listening HOST:PORT`, and a {@linkcode DelayReport} as one line of JSON at SIGUSR1, and at SIGTERM, which
 * ends it.
 */
import { parseArguments } from "../bench/arguments.ts";
import { DelayLine } from "./delay_line.ts";

/** What a proxy has carried. */
export interface DelayReport {
  /** One entry a connection, in the order of dialing: bytes that arrived at each end. */
  connections: { toTarget: number; toDialer: number }[];
  /**
   * Longest chain of messages of which each was sent after the one before had arrived, on whatever
   * connections, counted in pairs. It never exceeds the time of the run over twice the delay, and it is the
   * number of round trips of whoever waits for an answer before he goes on.
   */
  roundTrips: number;
}

/** The two ends of the path, with the length of the longest chain that has arrived at each. */
type End = "target" | "dialer";

class DelayProxy {
  readonly #target: Deno.ConnectOptions;
  readonly #path: { delayMs: number; windowBytes: number };
  readonly #lines: Record<End, DelayLine>[] = [];
  readonly #chains: Record<End, number> = { target: 0, dialer: 0 };

  constructor(target: Deno.ConnectOptions, path: { delayMs: number; windowBytes: number }) {
    this.#target = target;
    this.#path = path;
  }

  get report(): DelayReport {
    return {
      connections: this.#lines.map(({ target, dialer }) => ({
        toTarget: target.bytes,
        toDialer: dialer.bytes,
      })),
      roundTrips: Math.max(this.#chains.target, this.#chains.dialer) / 2,
    };
  }

  /** Carries one connection until both directions have ended, or either fails. */
  async carry(dialer: Deno.TcpConn): Promise<void> {
    const lines = { target: this.#line("target"), dialer: this.#line("dialer") };
    this.#lines.push(lines);
    let target: Deno.TcpConn | undefined;
    try {
      target = await Deno.connect(this.#target);
      dialer.setNoDelay(true);
      target.setNoDelay(true);
      await Promise.all([lines.target.run(dialer, target), lines.dialer.run(target, dialer)]);
    } catch {
      // One of the ends is gone, which the other learns now.
    } finally {
      dialer.close();
      target?.close();
    }
  }

  #line(to: End): DelayLine {
    const from = to === "target" ? "dialer" : "target";
    return new DelayLine({
      ...this.#path,
      onTaken: () => this.#chains[from] + 1,
      onDelivered: (_count, chain) => {
        this.#chains[to] = Math.max(this.#chains[to], chain);
      },
    });
  }
}

function addressOf(text: string | undefined): { hostname: string; port: number } {
  const match = /^(.+):(\d+)$/.exec(text ?? "");
  if (!match) throw new Error(`"${text}" is not HOST:PORT`);
  return { hostname: match[1]!, port: Number(match[2]) };
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["listen", "target", "delay-ms", "window-bytes"],
    switches: [],
  });
  const proxy = new DelayProxy(addressOf(args.value("target")), {
    delayMs: args.number("delay-ms", 50),
    windowBytes: args.number("window-bytes", 1024 * 1024),
  });
  const listener = Deno.listen(addressOf(args.value("listen")));
  Deno.addSignalListener("SIGUSR1", () => console.log(JSON.stringify(proxy.report)));
  Deno.addSignalListener("SIGTERM", () => {
    console.log(JSON.stringify(proxy.report));
    Deno.exit(0);
  });
  console.log(`listening ${listener.addr.hostname}:${listener.addr.port}`);
  for await (const dialer of listener) void proxy.carry(dialer);
}
