import { assertEquals, assertRejects } from "@std/assert";
import { ReplaceQuestion } from "./replace_question.ts";

Deno.test("ReplaceQuestion tells the sender at once that somebody is asked, and keeps the answer", async () => {
  for (const answer of [true, false]) {
    const log: string[] = [];
    const ask = () => {
      log.push("ask");
      return Promise.resolve(answer);
    };
    const question = new ReplaceQuestion({ ask, tell: () => void log.push("tell"), everyMs: 60_000 });
    assertEquals(question.answer, undefined);
    assertEquals(await question.put(), true);
    assertEquals([question.answer, log], [answer, ["tell", "ask"]]);
  }
});

Deno.test("ReplaceQuestion waits no longer than its session lasts", async () => {
  const question = new ReplaceQuestion({ ask: () => new Promise(() => {}), tell: () => {}, everyMs: 60_000 });
  const put = question.put();
  question.end();
  assertEquals([await put, question.answer], [false, undefined]);
});

Deno.test("ReplaceQuestion hands on what asking throws", async () => {
  const ask = () => Promise.reject(new Error("interrupted"));
  const question = new ReplaceQuestion({ ask, tell: () => {}, everyMs: 60_000 });
  await assertRejects(() => question.put(), Error, "interrupted");
});
