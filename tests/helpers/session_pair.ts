/** A whole session within one process: a real sender and a real receiver over channels of the test's choice. */
import { Codec } from "../../src/codec/codec.ts";
import type { Engine } from "../../src/io/contract/engine.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { type LaneOptions, LocalConnection } from "../../src/transfer/lane/local_connection.ts";
import { Control } from "../../src/transfer/session/control.ts";
import { isEmptyDirectory } from "../../src/transfer/target/destination.ts";
import type { EventSink, TransferSummary } from "../../src/transfer/session/events.ts";
import { localHello } from "../../src/transfer/session/hello.ts";
import { Transfer } from "../../src/transfer/session/transfer.ts";
import type { DeltaPolicy, ExistsPolicy } from "../../src/transfer/receive/policy.ts";
import { Consent } from "../../src/transfer/receive/questions.ts";
import { Receiver } from "../../src/transfer/receive/receiver.ts";
import { Sender } from "../../src/transfer/send/sender.ts";
import { openSources } from "../../src/transfer/source/roots.ts";
import { FrameSplitter } from "../../src/wire/frame_splitter.ts";
import { type MemoryChannelOptions, memoryChannels } from "./memory_channel.ts";

export interface SessionPairOptions {
  source: string;
  target: string;
  control?: MemoryChannelOptions;
  /** One entry a lane. */
  lanes?: (MemoryChannelOptions & LaneOptions)[];
  creditBytes?: number;
  batchEntries?: number;
  check?: boolean;
  wantsAll?: boolean;
  exists?: ExistsPolicy;
  delta?: DeltaPolicy;
  durable?: boolean;
  senderEngine?: Engine;
  receiverEngine?: Engine;
  onSenderEvent?: EventSink;
  onReceiverEvent?: EventSink;
  timeoutMs?: number;
  senderSignal?: AbortSignal;
  receiverSignal?: AbortSignal;
  /** Of which the session is a part. */
  senderTransfer?: Transfer;
  receiverTransfer?: Transfer;
}

/** How each end fared. */
export interface SessionPairResult {
  sent: PromiseSettledResult<TransferSummary>;
  received: PromiseSettledResult<TransferSummary>;
}

/** Runs a session to its end and closes what it opened. */
export async function runSessionPair(options: SessionPairOptions): Promise<SessionPairResult> {
  // The codec's module is compiled before the clock of any deadline runs.
  Codec.open()[Symbol.dispose]();
  const timeoutMs = options.timeoutMs ?? 20_000;
  const senderEngine = options.senderEngine ?? openDenoEngine();
  const receiverEngine = options.receiverEngine ?? openDenoEngine();
  const destination = receiverEngine.openRoot(options.target);
  const lanes = options.lanes ?? [{}];
  const { check = false } = options;
  const granted = localHello("receiver", receiverEngine, {
    streams: { limit: lanes.length },
    timeoutMs,
    check,
  });
  const wantsAll = options.wantsAll ?? isEmptyDirectory(receiverEngine, destination);
  const none = new Uint8Array(0);
  if (options.creditBytes !== undefined) granted.creditBytes = options.creditBytes;
  if (options.batchEntries !== undefined) granted.batchEntries = options.batchEntries;
  const [senderControl, receiverControl] = memoryChannels(options.control);
  const sender = new Sender({
    control: new Control(senderControl, new FrameSplitter()),
    peer: granted,
    engine: senderEngine,
    roots: openSources(senderEngine, [options.source]),
    check,
    timeoutMs,
    emit: options.onSenderEvent ?? (() => {}),
    signal: options.senderSignal ?? new AbortController().signal,
    transfer: options.senderTransfer ?? new Transfer(),
    isDestination: () => false,
  });
  const receiver = new Receiver({
    lacksOfDestination: () => 0,
    control: new Control(receiverControl, new FrameSplitter()),
    peer: localHello("sender", senderEngine, { streams: { limit: lanes.length }, timeoutMs, check }),
    granted,
    told: { kind: "destination", wantsAll, nonce: none, hash: none, name: none },
    engine: receiverEngine,
    destination,
    policy: {
      exists: options.exists ?? "changed",
      dotfiles: false,
      delta: options.delta ?? "never",
      durable: options.durable ?? false,
      dryRun: false,
    },
    check,
    consent: new Consent({ answers: { replace: true, settings: false }, shown: "here" }),
    timeoutMs,
    emit: options.onReceiverEvent ?? (() => {}),
    signal: options.receiverSignal ?? new AbortController().signal,
    transfer: options.receiverTransfer ?? new Transfer(),
  });
  for (const [number, lane] of lanes.entries()) {
    const [senderLane, receiverLane] = memoryChannels(lane);
    const { pieceBytes } = lane;
    sender.addLane(number, new LocalConnection(senderLane, pieceBytes === undefined ? {} : { pieceBytes }));
    receiver.addLane(number, new LocalConnection(receiverLane));
  }
  const [sent, received] = await Promise.allSettled([sender.run(), receiver.run()]);
  receiverEngine.closeDirectory(destination);
  if (!options.senderEngine) senderEngine[Symbol.dispose]();
  if (!options.receiverEngine) receiverEngine[Symbol.dispose]();
  return { sent, received };
}
