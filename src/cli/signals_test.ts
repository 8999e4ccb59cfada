import { assertEquals, assertInstanceOf } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { Signals } from "./signals.ts";

const isWindows = Deno.build.os === "windows";

// SIGINT would end the test runner itself; tests of whole processes send it.
Deno.test({
  name: "the first signal aborts the run, the second insists" +
    (isWindows ? " (ignored: Windows has no signals to send)" : ""),
  ignore: isWindows,
  fn: async () => {
    const insisted = Promise.withResolvers<number>();
    // A listener for signals does not keep the process alive; this does, and is the deadline.
    const deadline = setTimeout(() => insisted.reject(new Error("no signal within ten seconds")), 10_000);
    using signals = new Signals(insisted.resolve);
    const aborted = Promise.withResolvers<void>();
    signals.signal.addEventListener("abort", () => aborted.resolve());
    assertEquals(signals.status, undefined);
    Deno.kill(Deno.pid, "SIGTERM");
    await Promise.race([aborted.promise, insisted.promise]);
    assertEquals(signals.status, 143);
    assertInstanceOf(signals.signal.reason, RcopyError);
    assertEquals(signals.signal.reason.code, "interrupted");
    Deno.kill(Deno.pid, "SIGTERM");
    assertEquals(await insisted.promise, 143);
    clearTimeout(deadline);
  },
});
