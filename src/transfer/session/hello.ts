/** The hello of each end. */
import { version } from "../../base/version.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { batchEntriesMax } from "../../wire/limits.ts";
import { type Hello, nothingPlaced, type Role } from "../../wire/hello.ts";

/** Manifest bytes that a receiver grants: some tens of thousands of entries under way. */
const creditBytes = 4 * 1024 * 1024;

const none = new Uint8Array(0);

/** A hello with what follows from role and engine; what only a listener, or one side, knows is still empty. */
export function localHello(
  role: Role,
  engine: Engine,
  options: { streams: { limit: number }; timeoutMs: number; check: boolean },
): Hello {
  const isReceiver = role === "receiver";
  return {
    kind: "hello",
    role,
    features: 0n,
    software: `rcopy ${version}`,
    streams: options.streams.limit,
    timeoutMs: options.timeoutMs,
    mtimeResolutionNs: engine.mtimeResolutionNs,
    creditBytes: isReceiver ? creditBytes : 0,
    batchEntries: isReceiver ? batchEntriesMax : 0,
    dryRun: false,
    check: options.check,
    session: none,
    laneTokens: none,
    form: "contents",
    name: none,
    mode: 0,
    mtimeSeconds: 0n,
    mtimeNanos: 0,
    returnSecret: none,
    returned: false,
    placed: nothingPlaced,
  };
}
