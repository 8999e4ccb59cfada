import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { checkArguments } from "./raw_arguments.ts";

const encoder = new TextEncoder();
/** A command line of the system: latin1 text a byte a character, with a zero behind each argument. */
function line(...args: string[]): Uint8Array {
  return Uint8Array.from(args.map((arg) => `${arg}\0`).join(""), (letter) => letter.charCodeAt(0));
}

Deno.test("an argument that Deno has changed is refused, and named by its bytes", () => {
  const raw = () => line("deno", "run", "main.ts", "send", "caf\xe9", "b");
  const error = assertThrows(() => checkArguments(["send", "caf\ufffd", "b"], raw), RcopyError);
  assertEquals(error.code, "usage");
  assertEquals(/"caf\\xe9"/.test(error.message), true, error.message);
});

Deno.test("arguments that have the replacement character themselves, and empty ones, are taken", () => {
  const raw = Uint8Array.from([...line("deno", "send", ""), ...encoder.encode("caf\ufffd"), 0]);
  checkArguments(["send", "", "caf\ufffd"], () => raw);
});

Deno.test("where the system does not tell, an argument that may have been changed is refused on Linux", () => {
  const check = () => checkArguments(["receive", "caf\ufffd"], () => undefined);
  if (Deno.build.os !== "linux") return check();
  const error = assertThrows(check, RcopyError);
  assertEquals([error.code, /without --allow-all/.test(error.message)], ["usage", true]);
});

Deno.test("the command line of the system is not read without a reason", () => {
  checkArguments(["send", "café", "\u{1f600}"], () => {
    throw new Error("it was read");
  });
});
