import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RcopyError } from "./errors.ts";
import { requirePermission } from "./permission.ts";

Deno.test({
  name:
    "requirePermission() lets through what Deno grants, and refuses the rest with the flag that is missing",
  permissions: { read: ["/granted"], write: ["/granted/below"] },
  fn: () => {
    requirePermission("read", "/granted", "cannot send");
    requirePermission("read", "/granted/below/this", "cannot send");
    requirePermission("write", "/granted/below/this", "cannot use the destination");
    const refused = [
      ["read", "/other", /^cannot send "\/other": .*--allow-read/],
      ["read", "/grantedness", /--allow-read/],
      ["write", "/granted", /--allow-write.*rcopy doctor/],
      ["write", "/a\u001b[2J", /"\/a\\x1b\[2J"/],
    ] as const;
    for (const [name, path, message] of refused) {
      const error = assertThrows(() => requirePermission(name, path, "cannot send"), RcopyError);
      assertEquals([error.code, error.exitStatus], ["permission-flag", 2]);
      assertMatch(error.message, message);
    }
  },
});
