/** SIGINT and SIGTERM: the first ends the run in good order, the second at once. */
import { RcopyError } from "../base/errors.ts";

const statusOfSignal: readonly [Deno.Signal, number][] = Deno.build.os === "windows"
  ? [["SIGINT", 130]]
  : [["SIGINT", 130], ["SIGTERM", 143]];

/** Listens from its construction until it is disposed of. */
export class Signals implements Disposable {
  readonly #controller = new AbortController();
  readonly #handlers: [Deno.Signal, () => void][] = [];
  /** 130 or 143 after a signal. */
  status: number | undefined;

  /** `onSecond` gets the status that the first signal set. */
  constructor(onSecond: (status: number) => void) {
    for (const [name, status] of statusOfSignal) {
      const handler = () => {
        if (this.status !== undefined) return onSecond(this.status);
        this.status = status;
        const message = "interrupted; what is complete stays, and the same command goes on from there";
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
