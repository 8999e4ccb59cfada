import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { bytesOf } from "../../../tests/helpers/transfer_parts.ts";
import { SpaceBudget } from "./space_budget.ts";

const name = bytesOf("file");

function refusal(budget: SpaceBudget, bytes: number): string {
  const error = assertThrows(() => budget.claim(bytes, () => "/there", name), RcopyError) as RcopyError;
  assertEquals(error.code, "no-space");
  return error.message;
}

Deno.test("SpaceBudget grants bytes up to what was free, over all claims", () => {
  const budget = new SpaceBudget({ bytes: 100, inodes: undefined });
  for (const bytes of [60, 0, 40]) budget.claim(bytes, () => "/there", name);
  assertEquals(
    refusal(budget, 1),
    'no room for "file" in /there: 101 bytes are needed so far, 100 were free',
  );
});

Deno.test("SpaceBudget grants entries up to what the file system has room for", () => {
  const budget = new SpaceBudget({ bytes: undefined, inodes: 2 });
  for (let i = 0; i < 2; i++) budget.claim(1e15, () => "/there", name);
  assertEquals(
    refusal(budget, 0),
    'no room for "file" in /there: 3 entries are needed so far, the file system had room for 2',
  );
});
