/** What a loss of power can leave of a copy, by the model of `power_engine.ts`: never wrong content that looks right. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { openUringEngine } from "../../src/io/uring/engine.ts";
import { powerEngine, type PowerLog } from "../helpers/power_engine.ts";
import { runSessionPair } from "../helpers/session_pair.ts";
import { withTwoDirectories } from "../helpers/small_tree.ts";
import { shell } from "../helpers/test_folder.ts";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";

const engines = [
  { kind: "deno", open: openDenoEngine, why: undefined },
  { kind: "uring", open: openUringEngine, why: whyNoUringEngine() },
] as const;
const seconds = 1_600_000_000;

for (const { kind, open, why } of engines) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({
      name: `${name} (${kind})${why === undefined ? "" : ` (skipped: ${why})`}`,
      ignore: why !== undefined,
      fn,
    });

  test("a loss of power leaves no file with the right size and time and wrong content", async () => {
    await withTwoDirectories(async (source, target) => {
      await makeSource(source);
      const log = await copyLogged(source, target, open);
      let looked = 0;
      log.losses((moment, path, found) => {
        const wanted = readOrNone(`${source}/${path}`);
        if (!wanted || found.seconds !== seconds || found.content.length !== wanted.length) return;
        looked++;
        assert(isEqual(found.content, wanted), `${path} is wrong after a loss of power at step ${moment}`);
      });
      assert(looked > 0, "no file was ever whole");
    });
  });

  test("a loss of power leaves a large file that is replaced as it was, or as it becomes", async () => {
    await withTwoDirectories(async (source, target) => {
      await makeSource(source);
      await shell(
        'cd "$1" && mkdir d && for f in large middle d/large; do head -c 5000000 /dev/urandom >$f; done',
        target,
      );
      const before = new Map(
        ["large", "middle", "d/large"].map((path) => [path, Deno.readFileSync(`${target}/${path}`)]),
      );
      const log = await copyLogged(source, target, open);
      const replaced = new Set<string>();
      log.losses((moment, path, { content }) => {
        // What the log has under the name has taken the place of the old content.
        if (!before.has(path)) return;
        replaced.add(path);
        assert(
          isEqual(content, Deno.readFileSync(`${source}/${path}`)),
          `${path} is neither old nor new after a loss of power at step ${moment}`,
        );
      });
      assertEquals([...replaced].sort(), ["d/large", "large", "middle"]);
    });
  });
}

Deno.test("the model of a loss of power finds what was not synced", () => {
  const { engine, log } = powerEngine(openDenoEngine());
  engine[Symbol.dispose]();
  const file = log.file();
  const bytes = (value: number) => new Uint8Array(2).fill(value);
  log.steps.push(
    { kind: "name", file, path: "part" },
    { kind: "write", file, offset: 0, bytes: bytes(1) },
    { kind: "sync", file },
    { kind: "write", file, offset: 4, bytes: bytes(3) },
    { kind: "write", file, offset: 2, bytes: bytes(2) },
    { kind: "time", file, seconds: 7 },
    { kind: "rename", from: "part", to: "final" },
  );
  const found = new Set<string>();
  log.losses((_, path, { seconds, content }) => found.add(`${path} ${seconds} ${content.join("")}`));
  // The last write alone, with a hole before it: right size and time, wrong content.
  assert(found.has("final 7 110033"));
  assert(found.has("final 7 112233") && found.has("final 7 11") && found.has("part undefined 11"));
  // What was synced is never lost, once it was.
  assert(!found.has("final 7 "));
});

/** Files of one extent and of some, small ones, in a directory and beside it. */
async function makeSource(source: string): Promise<void> {
  await shell(
    `cd "$1" && mkdir d && for f in small d/small; do head -c 700 /dev/urandom >$f; done && : >none &&
    for f in large d/large; do head -c 9000000 /dev/urandom >$f; done && head -c 4300000 /dev/urandom >middle &&
    find . -exec touch -d @$2 {} +`,
    source,
    String(seconds),
  );
}

/** Copies with a receiver whose engine writes down what it does. */
async function copyLogged(
  source: string,
  target: string,
  open: () => ReturnType<typeof openDenoEngine>,
): Promise<PowerLog> {
  const { engine, log } = powerEngine(open());
  const { sent, received } = await runSessionPair({ source, target, receiverEngine: engine });
  engine[Symbol.dispose]();
  for (const end of [sent, received]) if (end.status === "rejected") throw end.reason;
  return log;
}

const contents = new Map<string, Uint8Array | undefined>();
function readOrNone(path: string): Uint8Array | undefined {
  if (!contents.has(path)) {
    try {
      contents.set(path, Deno.readFileSync(path));
    } catch {
      contents.set(path, undefined);
    }
  }
  return contents.get(path);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
