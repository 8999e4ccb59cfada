import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { TreeHash } from "../../codec/tree_hash.ts";
import { heardRun, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import type { Role } from "../../wire/hello.ts";
import type { LaneSupply, SessionSide } from "./session_run.ts";

/** A side that writes down what happens to it; its work lasts until the session ends. */
function side<R extends Role>(log: string[]): SessionSide<R> {
  const ended = Promise.withResolvers<void>();
  return {
    onMessage: ({ kind }) => void log.push(kind),
    async work() {
      log.push("work");
      await ended.promise;
      await new Promise((resolve) => setTimeout(resolve)); // a loop may need more turns to end
      log.push("worked");
    },
    onTick: () => {},
    stopWaiting() {
      log.push("stop waiting");
      ended.resolve();
    },
    release: (error) => void log.push(`release ${error === undefined}`),
    treeHash: () => new TreeHash(),
  };
}

const request = { kind: "laneRequest", count: 1 } as const;

Deno.test("SessionRun gives the side its messages, and lets go of everything in order when it fails", async () => {
  await inFolder(async ({ engine }) => {
    const { run, say, hangUp } = heardRun("sender", engine);
    const log: string[] = [];
    run.supply = {
      begin: () => void log.push("supply begins"),
      onMessage: () => {},
      end: () => void log.push("supply ends"),
    };
    run.state = "open";
    const running = run.run(side(log));
    await say({ kind: "credit", bytes: 64 });
    hangUp();
    assertEquals((await assertRejects(() => running, RcopyError)).code, "peer-lost");
    assertEquals(log, [
      "work",
      "supply begins",
      "credit",
      "supply ends",
      "stop waiting",
      "worked",
      "release false",
    ]);
    assertEquals(run.load.hasEnded, true);
  });
});

Deno.test("SessionRun refuses a message that has no business in its state, before the side gets it", async () => {
  await inFolder(async ({ engine }) => {
    const { run, say, heard, hangUp } = heardRun("sender", engine);
    const log: string[] = [];
    const running = run.run(side(log));
    await say({ kind: "manifestEnd", batches: 0, entries: 0, bytes: 0n });
    await run.tasks.ended();
    const [close] = await heard();
    hangUp();
    assertEquals((await assertRejects(() => running, RcopyError)).code, "protocol");
    assertEquals([close!.kind, log.includes("manifestEnd")], ["close", false]);
  });
});

Deno.test("SessionRun knows the state that a message leads to", async () => {
  await inFolder(async ({ engine }) => {
    const { run, say, hangUp } = heardRun("receiver", engine);
    const log: string[] = [];
    run.state = "open";
    const running = run.run(side(log));
    const end = { kind: "manifestEnd", batches: 0, entries: 0, bytes: 0n } as const;
    await say(end, end);
    await run.tasks.ended();
    hangUp();
    assertEquals((await assertRejects(() => running, RcopyError)).code, "protocol");
    assertEquals(log.filter((line) => line === "manifestEnd").length, 1);
  });
});

Deno.test("SessionRun gives a summary, and says where the time went, when it ends well", async () => {
  await inFolder(async ({ engine }) => {
    const { run, events, hangUp } = heardRun("sender", engine);
    const log: string[] = [];
    const running = run.run(side(log));
    run.outcome.files = 3;
    run.tasks.end({});
    hangUp();
    const { role, files, treeHash } = await running;
    assertEquals([role, files, treeHash, log.at(-1)], ["sender", 3, `0-${"0".repeat(32)}`, "release true"]);
    assertEquals(events.slice(-2).map(({ type }) => type), ["progress", "stages"]);
  });
});

Deno.test("SessionRun takes messages about data connections to the supply, and none without one", async () => {
  await inFolder(({ engine }) => {
    const { run } = heardRun("sender", engine);
    let error: unknown;
    try {
      run.onLaneMessage(request);
    } catch (thrown) {
      error = thrown;
    }
    assertEquals((error as RcopyError).code, "protocol");
    const got: unknown[] = [];
    const supply: LaneSupply = { onMessage: (message) => got.push(message), end: () => {} };
    run.supply = supply;
    run.onLaneMessage(request);
    assertEquals(got, [request]);
  });
});

Deno.test("SessionRun asks for no data connection once the receipt is being made", async () => {
  await inFolder(async ({ engine }) => {
    const { run, heard } = heardRun("receiver", engine);
    run.sendAboutLanes(request);
    run.isFinishing = true;
    run.sendAboutLanes(request);
    assertEquals([await heard(), run.hasEnded], [[request], true]);
  });
});

Deno.test("SessionRun says that content takes another way when a data connection is lost", async () => {
  await inFolder(async ({ engine }) => {
    const { run, events } = heardRun("receiver", engine);
    run.tasks.onLaneLost(new RcopyError("peer-lost", "lost a connection"), 0);
    await Promise.resolve();
    assertEquals(events, [{
      type: "note",
      level: "info",
      message: "lost a connection; its content comes over the 0 others",
    }]);
  });
});

Deno.test("SessionRun has one question out, however many ask whether the peer is there", async () => {
  await inFolder(async ({ engine }) => {
    const { run, say, heard, hangUp } = heardRun("sender", engine);
    const running = run.run(side([]));
    const answers = Array.from({ length: 40 }, () => run.answersWithin(60_000));
    assertEquals(await heard(), [{ kind: "ping", id: 0 }]);
    await say({ kind: "pong", id: 0 });
    assertEquals((await Promise.all(answers)).every((answer) => answer), true);
    const again = run.answersWithin(60_000);
    assertEquals(await heard(), [{ kind: "ping", id: 1 }]);
    hangUp();
    assertEquals(await again, false);
    await assertRejects(() => running, RcopyError);
  });
});
