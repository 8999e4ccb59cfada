import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind, type Metadata, type Timestamp } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { FileSystems, sameTime } from "./file_systems.ts";
import { TargetTree } from "./tree.ts";

const wanted: Timestamp = { seconds: 1_600_000_001, nanos: 123_456_789 };
const file = (mtime: Timestamp, size = 3): Metadata => ({ kind: EntryKind.file, mode: 0o644, size, mtime });

/** Whether a file has its time, on a file system with such a step; `undefined`: where nothing can be written. */
function hasTime(folder: EngineFolder, timeStepNs: number | undefined, found: Timestamp, size = 3): boolean {
  const { engine, root } = folder;
  const traitsOf = () => {
    if (timeStepNs === undefined) throw new RcopyError("read-only", "says the test");
    return { owner: 0, keepsModes: true, timeStepNs };
  };
  const other = new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (property === "traitsOf") return traitsOf;
      return typeof value === "function" ? value.bind(target) : value;
    },
  }) as Engine;
  const tree = new TargetTree(root, 1);
  return new FileSystems(other, { dryRun: false }).hasTime(tree.root, file(wanted), file(found, size));
}

const { seconds } = wanted;
const cases: [stepNs: number | undefined, found: Timestamp, has: boolean][] = [
  [1, wanted, true],
  [1, { seconds, nanos: 123_456_700 }, false],
  [100, { seconds, nanos: 123_456_700 }, true],
  [1_000_000, { seconds, nanos: 123_000_000 }, true],
  [1_000_000, { seconds, nanos: 122_000_000 }, false],
  [1e9, { seconds, nanos: 0 }, true],
  [2e9, { seconds: seconds - 1, nanos: 0 }, true],
  [2e9, { seconds: seconds - 2, nanos: 0 }, false],
  [0, { seconds: seconds + 1000, nanos: 0 }, true],
  [0, { seconds: seconds - 1, nanos: 0 }, false],
  [undefined, { seconds, nanos: 0 }, true],
  [undefined, { seconds, nanos: 123_456_700 }, true],
  [undefined, { seconds: seconds - 1, nanos: 0 }, true],
  [undefined, { seconds, nanos: 5 }, false],
];
for (const [stepNs, found, has] of cases) {
  const step = stepNs === undefined ? "nobody can learn" : stepNs === 0 ? "keeps no time" : `is ${stepNs} ns`;
  Deno.test(`FileSystems takes ${found.seconds - seconds} s ${found.nanos} ns for ${has ? "the" : "another"} time, where the step ${step}`, async () => {
    await inFolder((folder) => assertEquals(hasTime(folder, stepNs, found), has));
  });
}

Deno.test("FileSystems never takes a file of another size for the same", async () => {
  await inFolder((folder) => assertEquals(hasTime(folder, 1, wanted, 4), false));
});

Deno.test("sameTime() works at steps above and below a second, also before 1970", () => {
  assertEquals(sameTime({ seconds: -1, nanos: 5 }, { seconds: -1, nanos: 9 }, 10), true);
  assertEquals(sameTime({ seconds: -1, nanos: 5 }, { seconds: -2, nanos: 5 }, 2e9), true);
  assertEquals(sameTime({ seconds: 1, nanos: 0 }, { seconds: 2, nanos: 0 }, 2e9), false);
});
