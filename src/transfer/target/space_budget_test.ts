import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { bytesOf } from "../../../tests/helpers/transfer_parts.ts";
import { SpaceBudget, type SpaceClaim } from "./space_budget.ts";

const name = bytesOf("file");

function claim(budget: SpaceBudget, bytes: number, more: Partial<SpaceClaim> = {}): void {
  budget.claim({ bytes, isNew: true, ...more }, () => "/there", name);
}

function refusal(budget: SpaceBudget, bytes: number): string {
  const error = assertThrows(() => claim(budget, bytes), RcopyError) as RcopyError;
  assertEquals(error.code, "no-space");
  return error.message;
}

Deno.test("SpaceBudget grants bytes up to what was free, over all claims", () => {
  const budget = new SpaceBudget({ bytes: 100, inodes: undefined });
  for (const bytes of [60, 0, 40]) claim(budget, bytes);
  assertEquals(
    refusal(budget, 1),
    'no room for "file" in /there: 101 bytes are needed so far, 100 were free',
  );
});

Deno.test("SpaceBudget counts old and new of a file that is replaced, and the old as free for the next", () => {
  const budget = new SpaceBudget({ bytes: 100, inodes: 0 });
  for (let i = 0; i < 20; i++) claim(budget, 90, { returned: 90, isNew: false });
  refusal(budget, 101);
  claim(budget, 100, { returned: 200, isNew: false });
  claim(budget, 200, { isNew: false });
  refusal(budget, 1);
});

Deno.test("SpaceBudget grants what follows a claim that it refused", () => {
  const budget = new SpaceBudget({ bytes: 100, inodes: undefined });
  refusal(budget, 101);
  claim(budget, 100);
});

Deno.test("SpaceBudget grants entries up to what the file system has room for", () => {
  const budget = new SpaceBudget({ bytes: undefined, inodes: 2 });
  for (let i = 0; i < 2; i++) claim(budget, 1e15);
  assertEquals(
    refusal(budget, 0),
    'no room for "file" in /there: 3 entries are needed so far, the file system had room for 2',
  );
});
