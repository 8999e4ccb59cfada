import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "./errors.ts";
import { interruptible } from "./interrupt.ts";

Deno.test("interruptible() passes an RcopyError on, and makes one of every other reason", () => {
  const own = new RcopyError("timeout", "too late");
  const first = new AbortController();
  const { signal } = interruptible(first.signal);
  assertEquals(signal.aborted, false);
  first.abort(own);
  assertEquals(signal.reason, own);

  for (const reason of ["enough", new Error("enough"), undefined]) {
    const other = new AbortController();
    const wrapped = interruptible(other.signal).signal;
    other.abort(reason);
    assert(wrapped.reason instanceof RcopyError);
    assertEquals([wrapped.reason.code, wrapped.reason.cause], ["interrupted", other.signal.reason]);
  }
});

Deno.test("interruptible() is aborted at once by a signal that has aborted already", () => {
  const { signal } = interruptible(AbortSignal.abort("before"));
  assertEquals([signal.aborted, signal.reason.code], [true, "interrupted"]);
});

Deno.test("interruptible() never aborts after release(), nor without a signal", () => {
  const outer = new AbortController();
  const { signal, release } = interruptible(outer.signal);
  release();
  outer.abort();
  assertEquals(signal.aborted, false);
  const none = interruptible(undefined);
  none.release();
  assertEquals(none.signal.aborted, false);
});
