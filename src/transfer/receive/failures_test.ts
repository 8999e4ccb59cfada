import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { Failure } from "../../wire/settlement.ts";
import { type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { bytesOf, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";

interface Place extends ReceiveParts {
  batch: ReceiveBatch;
  folder: EngineFolder;
  /** The sender gives up an entry of batch 0. */
  giveUp: (entry: number, batch?: number) => void;
}

/** Batch 0 with a small file and a large one. */
async function withFailures(body: (place: Place) => Promise<void> | void): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const batch = parts.arrive(0, [[0, [{ name: "small", size: 3 }, {
      name: "large",
      size: 2 * extentBytes,
    }]]]);
    const giveUp = (entry: number, batch = 0) =>
      parts.failures.onFailure(failure({ of: "entry", batch, entry }), 1);
    await body({ ...parts, batch, folder, giveUp });
  });
}

function failure(place: Failure["place"], code: keyof typeof wireCodeOf = "vanished"): Failure {
  return { kind: "failure", place, code: wireCodeOf[code], text: "it is gone" };
}

Deno.test("ReceiveFailures fails an entry that waits for its content", async () => {
  await withFailures(async ({ batch, giveUp, plan, run, events, heard }) => {
    plan.make(batch);
    giveUp(0);
    assertEquals([batch.states[0], run.outcome.failed, run.outcome.changed], [EntryState.failed, 1, 1]);
    const reported = { path: "small", code: "vanished" as const, message: "peer says: it is gone" };
    assertEquals(events, [{ type: "failure", failure: reported }]);
    assertEquals(await heard(), [], "the sender knows");
  });
});

Deno.test("ReceiveFailures keeps a failure until the batch is planned", async () => {
  await withFailures(({ batch, giveUp, plan, failures, folder, run }) => {
    folder.write("small", "abc");
    Deno.utimeSync(`${folder.path}/small`, 1_700_000_000, 1_700_000_000);
    for (const entry of [0, 1]) giveUp(entry);
    assertEquals(Array.from(batch.states), [EntryState.announced, EntryState.announced]);
    plan.make(batch);
    failures.onPlanned(batch);
    assertEquals(
      Array.from(batch.states),
      [EntryState.skipped, EntryState.failed],
      "what is there is not missed",
    );
    assertEquals([run.outcome.skipped, run.outcome.failed], [1, 1]);
  });
});

Deno.test("ReceiveFailures removes a large file under way", async () => {
  await withFailures(({ batch, giveUp, plan, large, folder, run }) => {
    plan.make(batch);
    large.begin(batch, 1);
    assertEquals(folder.names().length, 2, "the part and its journal");
    giveUp(1);
    assertEquals([folder.names(), large.get(0, 1), run.outcome.failed], [[], undefined, 1]);
  });
});

Deno.test("ReceiveFailures changes nothing about an entry whose content is here, or that has failed", async () => {
  await withFailures(({ batch, giveUp, plan, run }) => {
    plan.make(batch);
    for (const state of [EntryState.placing, EntryState.placed, EntryState.failed, EntryState.held]) {
      batch.states[0] = state;
      giveUp(0);
      assertEquals([batch.states[0], run.outcome.failed], [state, 0]);
    }
  });
});

Deno.test("ReceiveFailures takes no failure of an entry that was never due", async () => {
  await withFailures(({ batch, giveUp, plan }) => {
    plan.make(batch);
    const violations = [
      () => giveUp(2), // beyond the batch
      () => giveUp(0, 1), // a batch that was not announced
      () => {
        batch.states[0] = EntryState.skipped;
        giveUp(0);
      },
    ];
    for (const violation of violations) {
      assertEquals((assertThrows(violation, RcopyError) as RcopyError).code, "protocol");
    }
  });
});

Deno.test("ReceiveFailures forgets what comes late, about a batch that is settled", async () => {
  await withFailures(({ batch, giveUp, plan, unsettled, run }) => {
    plan.make(batch);
    for (const entry of [0, 1]) unsettled.place(batch, entry, new Uint8Array(16), 0);
    giveUp(0);
    assertEquals([run.outcome.failed, run.outcome.files], [0, 2]);
  });
});

Deno.test("ReceiveFailures counts a name that the manifest does not list, unless it was left out on purpose", async () => {
  await withFailures(({ failures, run, events }) => {
    const place = (name: string) => ({ of: "name", directory: 0, name: bytesOf(name) }) as const;
    failures.onFailure(failure(place("fifo"), "unsupported-kind"), 1);
    failures.onFailure(failure(place("ours"), "not-sent"), 1);
    assertEquals(run.outcome.failed, 1);
    assertEquals(events.map((event) => event.type === "failure" && event.failure.path), ["fifo", "ours"]);
    assertThrows(
      () => failures.onFailure(failure({ ...place("x"), directory: 9 }), 1),
      RcopyError,
      "directory 9",
    );
  });
});
