/** The parts of a receiver between control and the lanes, on a folder. Its run has not begun. */
import { Codec } from "../../src/codec/codec.ts";
import { PathPrefixes } from "../../src/entry/path_prefixes.ts";
import type { Engine, FreeSpace } from "../../src/io/contract/engine.ts";
import { AwaitedBatches } from "../../src/transfer/receive/awaited_batches.ts";
import { ReceiveBasis } from "../../src/transfer/receive/basis.ts";
import { ReceiveComparison } from "../../src/transfer/receive/comparison.ts";
import { ReceiveFailures } from "../../src/transfer/receive/failures.ts";
import { ReceivePlan, type ReceivePlanOptions } from "../../src/transfer/receive/plan.ts";
import type { DeltaPolicy } from "../../src/transfer/receive/policy.ts";
import { Consent, type ConsentOptions, Questions } from "../../src/transfer/receive/questions.ts";
import { ReceiveUnsettled } from "../../src/transfer/receive/unsettled.ts";
import type { ReceiveBatch } from "../../src/transfer/target/batch.ts";
import { LargeFiles } from "../../src/transfer/receive/large_files.ts";
import { Placement } from "../../src/transfer/target/placement.ts";
import { FileSystems } from "../../src/transfer/target/file_systems.ts";
import { StandingEntries } from "../../src/transfer/target/standing.ts";
import { type TargetDirectory, TargetTree } from "../../src/transfer/target/tree.ts";
import { arrivedBatch, type EngineFolder, type HeardRun, heardRun, textOf } from "./transfer_parts.ts";

export interface ReceiveParts extends HeardRun<"receiver">, Disposable {
  codec: Codec;
  prefixes: PathPrefixes;
  tree: TargetTree;
  placement: Placement;
  unsettled: ReceiveUnsettled;
  plan: ReceivePlan;
  awaited: AwaitedBatches;
  failures: ReceiveFailures;
  large: LargeFiles;
  comparison: ReceiveComparison;
  questions: Questions;
  /** Questions about large files that the sender has not answered; a call answers one. */
  asked: (() => void)[];
  /** What a dry run would copy, as paths. */
  imagined: string[];
  /** How often nothing was left to settle. */
  allSettled: () => number;
  /** Credit that went back to the sender, in bytes. */
  credit: () => number;
  /** A batch that has arrived, was checked and is unsettled. */
  arrive: (...manifest: Parameters<typeof arrivedBatch>) => ReceiveBatch;
}

export interface ReceivePartsOptions
  extends Partial<Pick<ReceivePlanOptions, "exists" | "dryRun" | "mustCopy" | "check" | "settings">> {
  /** Asks a person; `answers` are those that are known. */
  consent?: Partial<ConsentOptions>;
  durable?: boolean;
  delta?: DeltaPolicy;
  free?: FreeSpace;
  ownSinceNs?: bigint;
}

export function receiveParts(folder: EngineFolder, options: ReceivePartsOptions = {}): ReceiveParts {
  const { root } = folder;
  const engine = options.free ? withFree(folder.engine, options.free) : folder.engine;
  const { dryRun = false, durable = false, exists = "changed" } = options;
  const heard = heardRun("receiver", engine);
  const { run } = heard;
  const codec = Codec.open({ arenaBytes: 0 });
  const prefixes = new PathPrefixes();
  const asked: (() => void)[] = [];
  const imagined: string[] = [];
  let allSettled = 0;
  let credit = 0;
  const tree = new TargetTree(root, engine.identityOf(root).device);
  const placement = new Placement(engine, tree, { durable, dryRun });
  const unsettled: ReceiveUnsettled = new ReceiveUnsettled({
    control: run.control,
    outcome: run.outcome,
    codec,
    engine,
    prefixes,
    onSettled: (directory) => placement.completeFrom(directory, unsettled),
    onCredit: (bytes) => credit += bytes,
    onAllSettled: () => allSettled++,
  });
  const basis = new ReceiveBasis({ run, engine, unsettled, delta: options.delta ?? "never" });
  const large = new LargeFiles({
    check: options.check ?? false,
    engine,
    codec,
    placement,
    unsettled,
    announced: () => run.counts.batches,
    ask: (onAnswer) => asked.push(onAnswer),
    timeoutMs: 60_000,
    onSilence: (error) => run.tasks.fail(error),
    start: (work) => run.tasks.start(work),
    control: run.control,
    eventLoopYield: run.eventLoopYield,
    onKept: (bytes) => run.counts.bytesKept += bytes,
    basis,
  });
  const fileSystems = new FileSystems(engine, { dryRun });
  const onImagined = (directory: TargetDirectory, name: Uint8Array) =>
    void imagined.push(prefixes.show(directory, name));
  const { mtimeResolutionNs } = engine;
  const answers = { replace: true, settings: false };
  const questions = new Questions({
    consent: new Consent({ answers, shown: "here", ...options.consent }),
    pathOf: (directory, name) => prefixes.show(directory, name),
    tell: () => void run.control.send({ kind: "waiting" }),
    everyMs: 60_000,
  });
  const comparison = new ReceiveComparison({
    run,
    engine,
    codec,
    placement,
    fileSystems,
    unsettled,
    large,
    basis,
    questions,
    dryRun,
    onImagined,
    mtimeResolutionNs,
  });
  const plan = new ReceivePlan({
    engine,
    codec,
    tree,
    placement,
    unsettled,
    fileSystems,
    standing: new StandingEntries(engine, fileSystems),
    questions,
    settings: options.settings,
    dryRun,
    exists,
    check: options.check ?? false,
    mustCopy: options.mustCopy ?? false,
    mayUseOlder: (bytes) => basis.mayUse(bytes),
    onImagined,
    ownSinceNs: options.ownSinceNs,
    mtimeResolutionNs: engine.mtimeResolutionNs,
    onPlanned: () => {},
  });
  return {
    ...heard,
    codec,
    prefixes,
    tree,
    placement,
    unsettled,
    plan,
    awaited: new AwaitedBatches({
      announced: () => run.counts.batches,
      ask: (onAnswer) => run.pings.ask(onAnswer),
      timeoutMs: 60_000,
    }),
    failures: new ReceiveFailures({ outcome: run.outcome, tree, unsettled, prefixes, large, comparison }),
    large,
    comparison,
    questions,
    asked,
    imagined,
    allSettled: () => allSettled,
    credit: () => credit,
    arrive(...manifest) {
      const batch = arrivedBatch(...manifest);
      plan.check(batch);
      unsettled.add(batch);
      return batch;
    },
    [Symbol.dispose]() {
      unsettled.stop();
      large.end();
      large.leaveAll();
      placement.close();
      codec[Symbol.dispose]();
    },
  };
}

/** An engine whose file systems have so much room. */
function withFree(engine: Engine, free: FreeSpace): Engine {
  return new Proxy(engine, {
    get(target, property) {
      if (property === "freeSpace") return () => free;
      const value = Reflect.get(target, property, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The number of an entry in a batch. */
export function entryIn(batch: ReceiveBatch, name: string): number {
  for (let entry = 0; entry < batch.count; entry++) if (textOf(batch.name(entry)) === name) return entry;
  throw new Error(`no ${name} in the batch`);
}
