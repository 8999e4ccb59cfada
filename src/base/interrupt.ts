/** An abort from outside, as rcopy's own error, and what waits for something else meanwhile. */
import { RcopyError } from "./errors.ts";

/**
 * A signal whose reason is always an {@linkcode RcopyError}: it aborts when `outer` does, with `outer`'s reason, or with
 * `interrupted` around it. `release` stops listening to `outer`.
 */
export function interruptible(outer: AbortSignal | undefined): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onAbort = () => {
    const { reason } = outer!;
    const error = reason instanceof RcopyError
      ? reason
      : new RcopyError("interrupted", "interrupted", { cause: reason });
    controller.abort(error);
  };
  if (outer?.aborted) onAbort();
  else outer?.addEventListener("abort", onAbort, { once: true });
  return { signal: controller.signal, release: () => outer?.removeEventListener("abort", onAbort) };
}

/** Waits for `promise`, which goes on, no longer than until `signal` aborts. @throws the reason of `signal` */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
