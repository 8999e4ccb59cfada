/** SIGINT, SIGTERM and SIGHUP: the first ends the run in good order, the second at once. */
import { RcopyError } from "../base/errors.ts";
import { hasEveryPermission } from "../base/permission.ts";

interface Ending {
  status: number;
  /** The reason, for both ends. */
  message: string;
}

const interrupt: readonly [Deno.Signal, Ending] = ["SIGINT", {
  status: 130,
  message: "interrupted by Ctrl-C (SIGINT)",
}];
const endings: readonly (readonly [Deno.Signal, Ending])[] = Deno.build.os === "windows" ? [interrupt] : [
  interrupt,
  ["SIGTERM", { status: 143, message: "interrupted by SIGTERM" }],
  ["SIGHUP", { status: 129, message: "interrupted, as its terminal was closed (SIGHUP)" }],
];

/** Listens from its construction until it is disposed of. */
export class Signals implements Disposable {
  readonly #controller = new AbortController();
  readonly #handlers: [Deno.Signal, () => void][] = [];
  /** 130, 143 or 129 after a signal. */
  status: number | undefined;

  /** `onSecond` gets the status that the first signal set. */
  constructor(onSecond: (status: number) => void) {
    const isImmune = ignoresHangup();
    for (const [name, { status, message }] of endings) {
      const handler = () => {
        // Deno ends at a signal that nobody listens to, also at one that it was started to ignore.
        if (name === "SIGHUP" && isImmune) return;
        if (this.status !== undefined) return onSecond(this.status);
        this.status = status;
        this.#controller.abort(new RcopyError("interrupted", message));
      };
      Deno.addSignalListener(name, handler);
      this.#handlers.push([name, handler]);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers) Deno.removeSignalListener(name, handler);
  }
}

/**
 * Whether this process was started to outlive its terminal, as by nohup. Linux tells it to a program with all permissions;
 * else one that has no terminal, as under nohup, takes a hangup for none of its business.
 */
function ignoresHangup(): boolean {
  const isOnTerminal = [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
  if (!hasEveryPermission()) return !isOnTerminal;
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return !isOnTerminal; // another system
  }
}
