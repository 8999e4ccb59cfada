import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { ownName } from "../../entry/name.ts";
import { EntryKind, type Metadata, type Timestamp } from "../../entry/metadata.ts";
import { type Engine, Lacks } from "../../io/contract/engine.ts";
import { type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { FileSystems, KeptTimes, sameTime } from "./file_systems.ts";
import { TargetTree } from "./tree.ts";

const wanted: Timestamp = { seconds: 1_600_000_001, nanos: 123_456_789 };
const file = (mtime: Timestamp, size = 3): Metadata => ({ kind: EntryKind.file, mode: 0o644, size, mtime });

/** An engine of which some methods are the test's. */
function withMethods(engine: Engine, methods: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, property) {
      if (property in methods) return Reflect.get(methods, property);
      const value = Reflect.get(target, property, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Whether a file has its time, on a file system with such a step; `undefined`: where nothing can be written. */
function hasTime(folder: EngineFolder, timeStepNs: number | undefined, found: Timestamp, size = 3): boolean {
  const { engine, root } = folder;
  const traitsOf = () => {
    if (timeStepNs === undefined) throw new RcopyError("read-only", "says the test");
    return { owner: 0, keepsModes: true, timeStepNs };
  };
  const other = withMethods(engine, { traitsOf });
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

const { milli, second } = { milli: 1_000_000, second: 1_000_000_000 };
/** Files with times, what is found of each, and what comes of it: lookups, lacking times, notes. */
const placed: [
  what: string,
  times: [wanted: Timestamp, found: Timestamp][],
  came: [number, number, number],
][] = [
  ["kept", [[wanted, wanted], [wanted, wanted], [wanted, wanted]], [1, 0, 0]],
  [
    "cut to two seconds",
    [[wanted, { seconds: seconds - 1, nanos: 0 }], [wanted, { seconds: seconds - 1, nanos: 0 }]],
    [1, 0, 1],
  ],
  ["dropped", [[wanted, { seconds: 5, nanos: 0 }], [wanted, { seconds: 6, nanos: 0 }]], [2, 2, 0]],
  ["such that nothing shows", [[{ seconds: 2, nanos: 0 }, { seconds: 2, nanos: 0 }]], [0, 0, 0]],
  [
    "of whole seconds, and then cut",
    [
      [{ seconds, nanos: 0 }, { seconds, nanos: 0 }],
      [wanted, { seconds, nanos: 0 }],
      [wanted, { seconds, nanos: 0 }],
    ],
    [2, 0, 1],
  ],
  [
    "of whole seconds alone",
    Array.from({ length: 20 }, () => [{ seconds, nanos: 0 }, { seconds, nanos: 0 }]),
    [8, 0, 0],
  ],
];
for (const [what, times, came] of placed) {
  Deno.test(`KeptTimes looks no oftener than it must at times that are ${what}`, async () => {
    await inFolder(({ engine, root }) => {
      let lookups = 0;
      let at = 0;
      const device = 1;
      const rest = { special: 0, owner: 0, links: 1, device, inode: 5n, ctimeNs: 0n };
      const notes: string[] = [];
      const other = withMethods(engine, {
        mtimeResolutionNs: milli,
        traitsOf: () => ({ owner: 0, keepsModes: true, timeStepNs: 2 * second }),
        lookup: () => (lookups++, [{ ...file(times[at]![1]), ...rest }]),
      });
      const directory = Object.assign(new TargetTree(root, device).root, { handle: root });
      const kept = new KeptTimes(other, (message) => notes.push(message));
      let lacking = 0;
      for (; at < times.length; at++) {
        const entry = { directory, name: ownName("f"), kind: EntryKind.file, mtime: times[at]![0] };
        if (kept.lacksOf(entry, Lacks.nothing) === Lacks.time) lacking++;
      }
      assertEquals([lookups, lacking, notes.length], came, notes.join());
    });
  });
}
