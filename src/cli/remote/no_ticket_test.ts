import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ErrorCode } from "../../base/errors.ts";
import type { Flags } from "../line/options.ts";
import { whyNoTicket } from "./no_ticket.ts";

const cases: [what: string, status: number, flags: Flags, code: ErrorCode, message: string][] = [
  ["ssh has no connection", 255, {}, "unreachable", "ssh could not connect to h"],
  [
    "there is no rcopy",
    127,
    {},
    "unreachable",
    "run there: deno install -g --no-config --no-prompt -A -n rcopy src/main.ts (in a checkout of rcopy ",
  ],
  [
    "there is no program of that name",
    127,
    { "remote-rcopy": "~/x" },
    "unreachable",
    "h has no program ~/x where ssh looks for it",
  ],
  ["another program ran", 0, {}, "unreachable", "is it rcopy?"],
  ["rcopy there was used wrongly", 2, {}, "usage", "ended with status 2"],
  ["rcopy there refused", 3, {}, "refused", "ended with status 3"],
  ["the destination there takes nothing", 5, {}, "destination", "ended with status 5"],
  ["rcopy there failed", 1, {}, "unreachable", "ended with status 1"],
];
for (const [what, status, flags, code, message] of cases) {
  Deno.test(`where ${what}, the error is ${code} and says so`, () => {
    const error = whyNoTicket(status, "h", flags);
    assertEquals(error.code, code);
    assertStringIncludes(error.message, message);
  });
}
