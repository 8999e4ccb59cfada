/** An abort from outside, as rcopy's own error. */
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
