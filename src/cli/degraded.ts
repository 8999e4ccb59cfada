/** What a run does without, for want of a permission: told once, before it begins. */
import type { Flags } from "./parse.ts";

/** One sentence, where native code is missing and missed. Asks for nothing. */
export function withoutNativeCode(flags: Flags): string | undefined {
  const hasNative = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  const wantsNative = (flags.io ?? "auto") === "auto" && Deno.build.os === "linux";
  if (hasNative || !wantsNative) return undefined;
  return "without --allow-ffi Deno's own file calls serve this run: only UTF-8 names, times to the millisecond";
}
