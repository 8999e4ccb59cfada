/** What a run does without, for want of a permission: told once, before it begins. */
import type { Flags } from "./parse.ts";

/** One sentence for each permission that is missing and missed. Asks for none. */
export function whatIsMissing(command: "send" | "receive", flags: Flags): string[] {
  const notes: string[] = [];
  const hasNative = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  const wantsNative = (flags.io ?? "auto") === "auto" && Deno.build.os === "linux";
  if (wantsNative && !hasNative) {
    notes.push(
      "without --allow-ffi Deno's own file calls serve this run: only UTF-8 names, times to the millisecond",
    );
  }
  // The addresses, which a sender looks up, have a note of their own where they would stand.
  const isPortable = flags.io === "deno" || !hasNative;
  const isWriting = command === "receive" && !flags["dry-run"];
  if (isWriting && isPortable && !mayAskForSpace()) {
    notes.push("without --allow-sys=statfs the free space is not checked beforehand");
  }
  return notes;
}

function mayAskForSpace(): boolean {
  return Deno.permissions.querySync({ name: "sys", kind: "statfs" }).state === "granted";
}
