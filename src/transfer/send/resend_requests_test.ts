import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import { entryOf, inFolder, scannedBatch, sendParts } from "../../../tests/helpers/transfer_parts.ts";
import { SendState } from "../source/batch.ts";
import { ResendRequests } from "./resend_requests.ts";

interface Place {
  /** Asks for an extent of a file again; says what the plan then has first. */
  ask: (name: string, extent?: number) => unknown;
  take: () => unknown;
}

/** `small` and `link` as they were sent, `large` of two extents of which none was taken. */
async function sent(body: (place: Place) => void): Promise<void> {
  await inFolder(({ engine, path, write }) => {
    write("small", "abc");
    write("unsent", "abc");
    write("large");
    Deno.truncateSync(`${path}/large`, 2 * extentBytes);
    Deno.symlinkSync("to", `${path}/link`);
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    parts.unsettled.add(batch);
    parts.plan.add(batch);
    batch.states[entryOf(batch, "small")] = SendState.sent;
    const requests = new ResendRequests(parts.unsettled, parts.plan);
    const take = () => {
      const job = parts.plan.next(1);
      return job?.of === "extent"
        ? job.index
        : job?.entries.map((entry) => entry === entryOf(batch, "small"));
    };
    body({
      take,
      ask(name, extent = 0) {
        requests.onResend({ kind: "resend", batch: 0, entry: entryOf(batch, name), extent });
        return take();
      },
    });
  });
}

function violation(action: () => unknown): void {
  assertEquals((assertThrows(action, RcopyError) as RcopyError).code, "protocol");
}

Deno.test("ResendRequests puts what arrived damaged before everything else", async () => {
  await sent(({ ask, take }) => {
    assertEquals(ask("small"), [true]);
    take(); // extent 0
    take(); // the bundle of what was not sent
    assertEquals([take(), ask("large", 1), ask("large", 0)], [1, 1, 0]);
  });
});

Deno.test("ResendRequests refuses what was not sent", async () => {
  await sent(({ ask }) => {
    violation(() => ask("large", 0));
    violation(() => ask("large", 2));
    violation(() => ask("unsent"));
    violation(() => ask("link"));
  });
});

Deno.test("ResendRequests refuses what is asked for too often", async () => {
  await sent(({ ask }) => {
    for (let i = 0; i < resendsMax; i++) assertEquals(ask("small"), [true]);
    violation(() => ask("small"));
  });
});
