import { assert, assertEquals } from "@std/assert";
import { constants } from "node:os";
import { codeOfErrnoName } from "./errno.ts";

const expected = {
  ENOENT: "not-found",
  EACCES: "not-permitted",
  EPERM: "not-permitted",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EROFS: "read-only",
  ENOTDIR: "type-conflict",
  EISDIR: "type-conflict",
  ELOOP: "type-conflict",
  EEXIST: "exists",
  ENOTEMPTY: "exists",
};

Deno.test("codeOfErrnoName() has a code for these names of errno, and for no other", () => {
  const names = Object.keys(constants.errno);
  for (const name of Object.keys(expected)) assert(names.includes(name), `${name} is a name of errno`);
  for (const name of [...names, "", "enoent", "NOENT", "ENOENT "]) {
    assertEquals(codeOfErrnoName(name), (expected as Record<string, string>)[name] ?? undefined, name);
  }
});
