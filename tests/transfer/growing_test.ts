/** Files that are not in the end what the scan saw: they grow, or have another size than they say. */
import { assert, assertEquals } from "@std/assert";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import type { Engine } from "../../src/io/contract/engine.ts";
import type { TransferSummary } from "../../src/transfer/session/events.ts";
import { runSessionPair } from "../helpers/session_pair.ts";
import { withTwoDirectories } from "../helpers/small_tree.ts";

/** An engine before whose reads of files something is done, each time. */
function before(method: "readFiles" | "readRange", act: () => void): Engine {
  const engine = openDenoEngine();
  return new Proxy(engine, {
    get(from, property) {
      const value = Reflect.get(from, property, from) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (property === method) act();
        return value.apply(from, args);
      };
    },
  });
}

interface Ended {
  summaries: TransferSummary[];
  /** What both ends said of entries. */
  said: string[];
}

async function copy(
  folders: { source: string; target: string },
  options: { senderEngine: Engine; lanes?: number },
): Promise<Ended> {
  const said: string[] = [];
  const { sent, received } = await runSessionPair({
    ...folders,
    lanes: Array.from({ length: options.lanes ?? 1 }, () => ({})),
    senderEngine: options.senderEngine,
    onSenderEvent: (event) => {
      if (event.type === "failure") said.push(`sender ${event.failure.code}: ${event.failure.message}`);
    },
    onReceiverEvent: (event) => {
      if (event.type === "failure") said.push(`receiver ${event.failure.code}: ${event.failure.path}`);
    },
  });
  if (sent.status === "rejected") throw sent.reason;
  if (received.status === "rejected") throw received.reason;
  return { summaries: [sent.value, received.value], said };
}

for (
  const [what, size, method] of [["small", 1000, "readFiles"], ["large", 9_000_000, "readRange"]] as const
) {
  Deno.test(`a ${what} log that grows all the time is copied as it was, and both ends say 24`, async () => {
    await withTwoDirectories(async (source, target) => {
      const content = new Uint8Array(size).map((_, at) => at * 7);
      Deno.writeFileSync(`${source}/log`, content);
      Deno.writeTextFileSync(`${source}/other`, "stays");
      const grow = () => Deno.writeTextFileSync(`${source}/log`, "one line more\n", { append: true });
      const { summaries, said } = await copy({ source, target }, { senderEngine: before(method, grow) });
      for (const { files, failed, changed, grown, exitStatus, bytes } of summaries) {
        assertEquals([files, failed, changed, grown, exitStatus], [2, 0, 0, 1, 24]);
        assertEquals(bytes, size + 5);
      }
      assert(Deno.readFileSync(`${target}/log`).every((byte, at) => byte === content[at]));
      assertEquals(Deno.statSync(`${target}/log`).size, size);
      const now = Deno.statSync(`${source}/log`).size;
      assertEquals(said.sort(), [
        "receiver grown: log",
        `sender grown: it is growing: the ${size} bytes that it had at the start are copied, it has ${now} now`,
      ]);
      // The next run finds another size.
      const again = await copy({ source, target }, { senderEngine: openDenoEngine() });
      assertEquals(again.summaries.map(({ files, exitStatus }) => [files, exitStatus]), [[1, 0], [1, 0]]);
      assertEquals(Deno.readFileSync(`${target}/log`), Deno.readFileSync(`${source}/log`));
    });
  });

  Deno.test(`a ${what} file that shrinks while it is read has changed`, async () => {
    await withTwoDirectories(async (source, target) => {
      Deno.writeFileSync(`${source}/file`, new Uint8Array(size).fill(1));
      const shrink = () => Deno.truncateSync(`${source}/file`, 10);
      const { summaries } = await copy({ source, target }, { senderEngine: before(method, shrink) });
      for (const { files, failed, changed, grown, exitStatus } of summaries) {
        assertEquals([files, failed, changed, grown, exitStatus], [0, 1, 1, 0, 24]);
      }
      assertEquals([...Deno.readDirSync(target)], []);
    });
  });
}

Deno.test("a file that was empty at the scan and is written to then arrives empty, as growing", async () => {
  await withTwoDirectories(async (source, target) => {
    Deno.writeTextFileSync(`${source}/log`, "");
    const grow = () => Deno.writeTextFileSync(`${source}/log`, "line\n", { append: true });
    const { summaries } = await copy({ source, target }, { senderEngine: before("readFiles", grow) });
    for (const { files, grown, exitStatus } of summaries) {
      assertEquals([files, grown, exitStatus], [1, 1, 24]);
    }
    assertEquals(Deno.readTextFileSync(`${target}/log`), "");
  });
});
