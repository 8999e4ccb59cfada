/** The io_uring engine, for tests and benchmarks that need it. */
import { RcopyError } from "../../src/base/errors.ts";
import { openUringEngine } from "../../src/io/uring/engine.ts";

/**
 * Why the engine cannot be had here, in words for the name of a skipped test; `undefined` where it can. Asks for no
 * permission.
 */
export function whyNoUringEngine(): string | undefined {
  try {
    openUringEngine()[Symbol.dispose]();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof RcopyError) || thrown.code !== "engine-unavailable") throw thrown;
    return thrown.message.replace(/^cannot use io_uring: /, "");
  }
}
