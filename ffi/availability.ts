/** Whether io_uring can be had here. */
import { asRcopyError } from "../src/base/errors.ts";
import type { Operation } from "./sqe.ts";
import { Ring } from "./ring.ts";

/** What the engine cannot do without. */
const needed: readonly Operation[] = ["openat2", "openat", "statx", "read", "write", "close"];

/**
 * Why io_uring cannot be had, in words for a person; `undefined` where it can. Never asks for a permission.
 */
export function whyNoUring(): string | undefined {
  if (Deno.build.os !== "linux") return `io_uring is a part of Linux, and this is ${Deno.build.os}`;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return "there is no permission to call native code (run with --allow-ffi)";
  }
  try {
    using ring = Ring.open({ entries: 2, files: 2 });
    const missing = needed.filter((operation) => !ring.supports(operation));
    return missing.length === 0 ? undefined : `the kernel's io_uring has no ${missing.join(", ")}`;
  } catch (thrown) {
    const error = asRcopyError(thrown);
    if (error.code !== "engine-unavailable") throw error;
    return error.message.replace(/^cannot use io_uring: /, "");
  }
}
