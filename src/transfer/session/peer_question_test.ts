import { assertEquals, assertThrows } from "@std/assert";
import type { RcopyError } from "../../base/errors.ts";
import { PeerQuestion } from "./peer_question.ts";

function question(timeoutMs: number) {
  const answers: (() => void)[] = [];
  const silence = Promise.withResolvers<RcopyError>();
  const peer = new PeerQuestion({
    ask: (onAnswer) => answers.push(onAnswer),
    timeoutMs,
    why: "the peer did something",
    onSilence: silence.resolve,
  });
  return { peer, answer: () => answers.shift()!(), silence: silence.promise };
}

Deno.test("PeerQuestion asks one question at a time, and the next from within an answer", () => {
  const { peer, answer } = question(60_000);
  const log: string[] = [];
  peer.ask(() => {
    log.push("first");
    peer.ask(() => log.push("second"));
  });
  assertThrows(() => peer.ask(() => {}));
  answer();
  assertEquals([log, peer.isOut], [["first"], true]);
  answer();
  assertEquals([log, peer.isOut], [["first", "second"], false]);
});

Deno.test("PeerQuestion gives up a peer that does not answer, and says what it had done", async () => {
  const { peer, silence } = question(1);
  peer.ask(() => {});
  const { code, message } = await silence;
  assertEquals([code, message], ["timeout", "the peer did something, and did not answer for 0 s"]);
});

Deno.test({
  name: "PeerQuestion leaves no timer behind when it is answered, or when the session ends",
  sanitizeOps: true, // a timer that is left fails the test
  fn() {
    const answered = question(60_000);
    answered.peer.ask(() => {});
    answered.answer();
    const ended = question(60_000);
    ended.peer.ask(() => {});
    ended.peer.end();
  },
});
