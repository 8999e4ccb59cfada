import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind, type Metadata } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { temporaryName } from "../../entry/temporary_name.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import {
  entryIn,
  type ReceiveParts,
  receiveParts,
  type ReceivePartsOptions,
} from "../../../tests/helpers/receive_parts.ts";
import {
  bytesOf,
  type EngineFolder,
  inFolder,
  type ListedEntry,
  textOf,
} from "../../../tests/helpers/transfer_parts.ts";
import { EntryState } from "../target/batch.ts";
import { LargeTarget } from "../target/large_file.ts";
import { decide } from "./plan.ts";
import type { ExistsPolicy } from "./policy.ts";

const largeBytes = 5 << 20;

function file(changes: Partial<Metadata> = {}): Metadata {
  return {
    kind: EntryKind.file,
    mode: 0o644,
    size: 10,
    mtime: { seconds: 100, nanos: 123_456_789 },
    ...changes,
  };
}

function outcome(
  wanted: Metadata,
  found: Metadata,
  exists: ExistsPolicy = "changed",
  mtimeResolutionNs = 1,
): string {
  const decision = decide(wanted, found, { exists, mtimeResolutionNs });
  return decision instanceof RcopyError ? decision.code : decision;
}

Deno.test("decide() skips a file of the same size and time, whatever its mode", () => {
  assertEquals(outcome(file(), file({ mode: 0o600 })), "skip");
});

Deno.test("decide() copies a file of another size or time", () => {
  assertEquals(outcome(file(), file({ size: 11 })), "copy");
  assertEquals(outcome(file(), file({ mtime: { seconds: 100, nanos: 123_456_788 } })), "copy");
  assertEquals(outcome(file(), file({ mtime: { seconds: 99, nanos: 123_456_789 } })), "copy");
});

Deno.test("decide() compares times at the coarser precision of the two ends", () => {
  const milliseconds = 1_000_000;
  assertEquals(
    outcome(file(), file({ mtime: { seconds: 100, nanos: 123_000_000 } }), "changed", milliseconds),
    "skip",
  );
  assertEquals(
    outcome(file(), file({ mtime: { seconds: 100, nanos: 124_000_000 } }), "changed", milliseconds),
    "copy",
  );
  assertEquals(outcome(file(), file({ mtime: { seconds: 100, nanos: 0 } }), "changed", 1e9), "skip");
  assertEquals(outcome(file(), file({ mtime: { seconds: 101, nanos: 0 } }), "changed", 2e9), "skip");
});

Deno.test("decide() compares the content of files of one size under --check, whatever their time, where it decides nothing else", () => {
  const checked = (wanted: Metadata, found: Metadata, exists: ExistsPolicy = "changed") => {
    const decision = decide(wanted, found, { exists, check: true, mtimeResolutionNs: 1 });
    return decision instanceof RcopyError ? decision.code : decision;
  };
  const other = { mtime: { seconds: 5, nanos: 0 } };
  assertEquals([checked(file(), file()), checked(file(), file(other))], ["compare", "compare"]);
  assertEquals(checked(file(), file({ size: 11 })), "copy");
  const policies = ["skip", "replace", "fail"] as const;
  assertEquals(policies.map((exists) => checked(file(), file(), exists)), ["skip", "replace", "exists"]);
});

Deno.test("decide() obeys --exists", () => {
  assertEquals(outcome(file(), file({ size: 11 }), "skip"), "skip");
  assertEquals(outcome(file(), file(), "replace"), "replace");
  assertEquals(outcome(file(), file(), "fail"), "exists");
});

Deno.test("decide() refuses a file where a directory must go, and the reverse", () => {
  const directory = file({ kind: EntryKind.directory, size: 0 });
  const link = file({ kind: EntryKind.link, size: 0 });
  for (const exists of ["changed", "skip", "replace", "fail"] as const) {
    assertEquals(outcome(directory, file(), exists), "type-conflict");
    assertEquals(outcome(file(), directory, exists), "type-conflict");
    assertEquals(outcome(directory, link, exists), "type-conflict");
    assertEquals(outcome(link, directory, exists), "type-conflict");
    assertEquals(outcome(directory, directory, exists), "copy");
  }
});

interface Place extends ReceiveParts {
  folder: EngineFolder;
  /** Plans a batch of entries of the destination, or of these directories; gives the state of each entry by name. */
  make: (
    entries: ListedEntry[],
    below?: [directory: number, entries: ListedEntry[]][],
  ) => Record<string, string>;
}

const stateNames = Object.fromEntries(Object.entries(EntryState).map(([name, state]) => [state, name]));
const mtime = { seconds: 1_700_000_000, nanos: 0 };

async function withPlan(
  options: ReceivePartsOptions & { faults?: Fault[] },
  body: (place: Place) => Promise<void> | void,
): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder, options);
    let batches = 0;
    await body({
      ...parts,
      folder,
      make(entries, below = []) {
        const batch = parts.arrive(batches++, [[0, entries], ...below]);
        parts.plan.make(batch);
        const names = [...entries, ...below.flatMap(([, listed]) => listed)].map(({ name }) => name);
        return Object.fromEntries(
          names.map((name) => [name, stateNames[batch.states[entryIn(batch, name)]!]!]),
        );
      },
    });
  }, options.faults ?? []);
}

/** A file of the folder with the time that {@linkcode ListedEntry} has unless it says otherwise. */
function old({ write, path }: EngineFolder, name: string, content: string, mode = 0o644): void {
  write(name, content);
  Deno.chmodSync(`${path}/${name}`, mode);
  Deno.utimeSync(`${path}/${name}`, mtime.seconds, mtime.seconds);
}

const directory = (name: string): ListedEntry => ({ name, kind: EntryKind.directory, mode: 0o755 });
const refused = new RcopyError("not-permitted", "says the test");

for (const exists of ["fail", "replace", "skip", "changed"] as const) {
  Deno.test(`ReceivePlan skips what an earlier session of the transfer has placed, under --exists ${exists} too`, async () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    const hour = 3_600_000_000_000n;
    const states = async (ownSinceNs: bigint | undefined) => {
      let found: Record<string, string> = {};
      await withPlan({ exists, ...ownSinceNs === undefined ? {} : { ownSinceNs } }, ({ make, folder }) => {
        old(folder, "same", "own");
        old(folder, "other", "own, and changed at the source since");
        found = make([{ name: "same", size: 3 }, { name: "other", size: 3 }]);
      });
      return found;
    };
    const byPolicy = {
      fail: { same: "failed", other: "failed" },
      replace: { same: "wanted", other: "wanted" },
      skip: { same: "skipped", other: "skipped" },
      changed: { same: "skipped", other: "wanted" },
    }[exists];
    assertEquals(await states(undefined), byPolicy);
    assertEquals(await states(now + hour), byPolicy);
    assertEquals(await states(now - hour), { same: "skipped", other: "wanted" });
  });
}

Deno.test("ReceivePlan wants what is missing, and makes its directories at once", async () => {
  await withPlan({}, ({ make, tree, folder: { calls } }) => {
    const states = make([{ name: "file", size: 3 }, directory("d"), { name: "link", text: "to" }], [
      [1, [{ name: "below" }]],
    ]);
    assertEquals(states, { file: "wanted", d: "held", link: "held", below: "wanted" });
    const d = tree.find(1)!;
    assertEquals([d.origin, d.pending, tree.root.pending], ["fresh", 1, 2], "links hold up no directory");
    assertEquals(calls.lookUpAll, 1, "nothing can be in a fresh directory");
  });
});

Deno.test("ReceivePlan skips what is as it should be, and sets no more than its mode", async () => {
  await withPlan({}, ({ make, folder, run }) => {
    old(folder, "same", "abc");
    old(folder, "mode", "abc", 0o600);
    old(folder, "size", "abcd");
    Deno.symlinkSync("to", `${folder.path}/link`);
    for (const text of ["elsewhere", "t"]) Deno.symlinkSync(text, `${folder.path}/to ${text}`);
    const states = make([
      { name: "same", size: 3 },
      { name: "mode", size: 3, mode: 0o640 },
      { name: "size", size: 3 },
      { name: "link", text: "to" },
      { name: "to elsewhere", text: "to" },
      { name: "to t", text: "to" },
    ]);
    const links = { link: "skipped", "to elsewhere": "held", "to t": "held" };
    assertEquals(states, { same: "skipped", mode: "skipped", size: "wanted", ...links });
    assertEquals([folder.calls.setFileMode, Deno.statSync(`${folder.path}/mode`).mode! & 0o777], [1, 0o640]);
    assertEquals(run.outcome.skipped, 3);
  });
});

Deno.test("ReceivePlan removes the temporary name of a file that a killed run had placed, and none of its other names", async () => {
  await withPlan({}, ({ make, folder }) => {
    old(folder, "same", "abc");
    old(folder, "alone", "abc");
    const temporary = (name: string) => textOf(temporaryName(parseEntryName(bytesOf(name))));
    for (const name of [temporary("same"), "linked"]) {
      Deno.linkSync(`${folder.path}/same`, `${folder.path}/${name}`);
    }
    // Somebody else's file, of a name that could be ours.
    old(folder, temporary("alone"), "xyz");
    const states = make([{ name: "same", size: 3 }, { name: "alone", size: 3 }]);
    assertEquals(states, { same: "skipped", alone: "skipped" });
    assertEquals(folder.names(), [temporary("alone"), "alone", "linked", "same"].sort());
  });
});

Deno.test("ReceivePlan touches nothing that is there under --exists skip", async () => {
  await withPlan({ exists: "skip" }, ({ make, folder }) => {
    old(folder, "mode", "abc", 0o600);
    old(folder, "size", "abcd");
    Deno.symlinkSync("elsewhere", `${folder.path}/moved`);
    const states = make([{ name: "mode", size: 3 }, { name: "size", size: 3 }, {
      name: "moved",
      text: "to",
    }]);
    assertEquals(states, { mode: "skipped", size: "skipped", moved: "skipped" });
    assertEquals(folder.calls.setFileMode ?? 0, 0);
  });
});

Deno.test("ReceivePlan copies everything again under --exists replace, links too", async () => {
  await withPlan({ exists: "replace" }, ({ make, folder }) => {
    old(folder, "same", "abc");
    Deno.symlinkSync("to", `${folder.path}/link`);
    assertEquals(make([{ name: "same", size: 3 }, { name: "link", text: "to" }]), {
      same: "wanted",
      link: "held",
    });
  });
});

Deno.test("ReceivePlan goes into a directory that is there, and looks what is missing in it", async () => {
  await withPlan({}, ({ make, folder, tree }) => {
    old(folder, "d/same", "abc");
    const states = make([directory("d")], [[1, [{ name: "same", size: 3 }, { name: "new" }]]]);
    assertEquals(states, { d: "held", same: "skipped", new: "wanted" });
    assertEquals(tree.find(1)!.origin, "existing");
  });
});

Deno.test("ReceivePlan fails what cannot be put there, with all that is below it, and goes on", async () => {
  await withPlan({}, ({ make, folder, run, events }) => {
    folder.write("d", "a file");
    const states = make([directory("d"), { name: "file" }], [
      [1, [directory("e"), { name: "below" }]],
      [2, [{ name: "deep" }]],
    ]);
    assertEquals(states, { d: "failed", file: "wanted", e: "failed", below: "failed", deep: "failed" });
    assertEquals(run.outcome.failed, 4);
    const failures = events.map((event) =>
      event.type === "failure" && `${event.failure.path} ${event.failure.code}`
    );
    assertEquals(failures, ["d type-conflict"], "what is below is not reported entry by entry");
    assertEquals(Deno.readTextFileSync(`${folder.path}/d`), "a file");
  });
});

Deno.test("ReceivePlan fails the entries of a directory that cannot be looked into", async () => {
  await withPlan({ faults: [{ method: "lookUpAll", call: 2, error: refused }] }, ({ make, folder }) => {
    old(folder, "d/same", "abc");
    const states = make([directory("d"), { name: "file" }], [[1, [{ name: "same", size: 3 }]]]);
    assertEquals(states, { d: "held", file: "wanted", same: "failed" });
  });
});

Deno.test("ReceivePlan fails a file alone whose mode cannot be set", async () => {
  await withPlan({ faults: [{ method: "setFileMode", call: 1, error: refused }] }, ({ make, folder }) => {
    for (const name of ["first", "second"]) old(folder, name, "abc", 0o600);
    assertEquals(make([{ name: "first", size: 3 }, { name: "second", size: 3 }]), {
      first: "failed",
      second: "skipped",
    });
  });
});

/** A part with something in it, and its journal, as an earlier run left them of a file of 5 MiB. */
function leave({ codec, placement, tree }: ReceiveParts, { engine, names }: EngineFolder): string[] {
  const held = {
    batch: 9,
    entry: 0,
    kind: EntryKind.file,
    mode: 0o644,
    size: largeBytes,
    mtime: { seconds: 1_700_000_000, nanos: 0 },
    directory: tree.root,
    name: parseEntryName(bytesOf("large")),
    stamp: new Uint8Array(16),
  };
  const target = LargeTarget.create({ engine, codec, placement, held });
  target.write(1, () => ({ finish: () => undefined }));
  target.written(1, new Uint8Array(16));
  target.leave();
  return names().filter((name) => name.startsWith(".rcopy-"));
}

Deno.test("ReceivePlan holds a large file beside which a journal stands, and names it in what is wanted", async () => {
  await withPlan({}, (place) => {
    const { arrive, plan, folder } = place;
    assertEquals(leave(place, folder).length, 2);
    const batch = arrive(0, [[0, [{ name: "other", size: largeBytes }, {
      name: "large",
      size: largeBytes,
    }]]]);
    plan.make(batch);
    assertEquals(Array.from(batch.states), [EntryState.wanted, EntryState.held]);
    assertEquals([batch.toWants().all, Array.from(batch.toWants().kept)], [true, [1]]);
    assertEquals(batch.bytesWanted, 2 * largeBytes);
  });
});

for (const exists of ["changed", "skip"] as const) {
  Deno.test(`ReceivePlan ${exists === "skip" ? "keeps" : "removes"} what is left of a large file that is skipped (--exists ${exists})`, async () => {
    await withPlan({ exists }, (place) => {
      const { arrive, plan, folder } = place;
      leave(place, folder);
      const path = `${folder.path}/large`;
      Deno.writeFileSync(path, new Uint8Array(0));
      Deno.truncateSync(path, exists === "skip" ? 3 : largeBytes);
      Deno.utimeSync(path, 1_700_000_000, 1_700_000_000);
      const batch = arrive(0, [[0, [{ name: "large", size: largeBytes }]]]);
      plan.make(batch);
      assertEquals(batch.states[0], EntryState.skipped);
      const left = folder.names().filter((name) => name.startsWith(".rcopy-"));
      assertEquals(left.length, exists === "skip" ? 2 : 0);
    });
  });
}

Deno.test("ReceivePlan ends the run before anything is half done when the destination has no room", async () => {
  for (const free of [{ bytes: 9, inodes: undefined }, { bytes: undefined, inodes: 2 }]) {
    await withPlan({ free }, ({ make }) => {
      const entries = [{ name: "a", size: 5 }, { name: "b", text: "to" }, { name: "c", size: 5 }];
      assertEquals((assertThrows(() => make(entries), RcopyError) as RcopyError).code, "no-space");
    });
  }
});

Deno.test("ReceivePlan makes nothing in a dry run, and says what it would copy", async () => {
  await withPlan({ dryRun: true }, ({ make, folder, imagined, run }) => {
    old(folder, "same", "abc");
    old(folder, "mode", "abc", 0o600);
    old(folder, "d/old", "abcd");
    Deno.symlinkSync("to", `${folder.path}/unmoved`);
    const before = folder.names();
    const there = [{ name: "same", size: 3 }, { name: "mode", size: 3 }, { name: "unmoved", text: "to" }];
    make([...there, directory("d"), directory("e")], [
      [1, [{ name: "old", size: 3 }]],
      [2, [{ name: "new" }, { name: "link", text: "to" }]],
    ]);
    assertEquals(imagined, ["e", "d/old", "e/new", "e/link"]);
    assertEquals([folder.names(), folder.calls.setFileMode ?? 0, run.outcome.failed], [before, 0, 0]);
  });
});

Deno.test("ReceivePlan completes a directory with the batch that closes it, if nothing is left", async () => {
  await withPlan({}, ({ arrive, plan, tree, folder }) => {
    const batch = arrive(0, [[0, [directory("d")]]], [1, 0]);
    assertEquals([tree.find(1)!.sealed, tree.find(1)!.closed], [true, false]);
    plan.make(batch);
    assertEquals([tree.root.completed, folder.names().includes("d")], [true, true]);
  });
});

const violations: [what: string, batch: Parameters<ReceiveParts["arrive"]>][] = [
  ["one name twice", [1, [[0, [{ name: "a" }, { name: "a" }]]]]],
  ["a name of an earlier batch again", [1, [[0, [{ name: "first" }]]]]],
  ["entries of a directory that is closed", [1, [[1, [{ name: "a" }]]]]],
  ["entries of a directory that was not announced", [1, [[2, [{ name: "a" }]]]]],
  ["the end of a directory twice", [1, [], [1]]],
];
for (const [what, batch] of violations) {
  Deno.test(`ReceivePlan refuses ${what}`, async () => {
    await withPlan({}, ({ arrive, folder: { calls } }) => {
      const before = calls.lookup;
      arrive(0, [[0, [{ name: "first" }, directory("closed")]]], [1]);
      assertEquals((assertThrows(() => arrive(...batch), RcopyError) as RcopyError).code, "protocol");
      assertEquals(calls.lookup, before, "nothing was touched");
    });
  });
}
