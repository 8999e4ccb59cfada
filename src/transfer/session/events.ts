/** Events of a transfer while it runs. Nothing below `src/cli/` prints. */
import type { ErrorCode } from "../../base/errors.ts";
import type { Listening } from "../../meet/listening.ts";

/** The stage or the end that holds the transfer back at the moment. */
export type Bottleneck = "scan" | "disk read" | "codec" | "network" | "disk write" | "peer";

/** A stage of a unit on its way. `peer`: there was nothing to do until the other end said more. */
export type StageName =
  | "scan"
  | "read"
  | "hash"
  | "encode"
  | "network"
  | "decode"
  | "verify"
  | "place"
  | "peer";

/** Milliseconds of each stage, summed over all lanes and threads, in which it worked, and in which it was waited for. */
export type StageTimes = Record<StageName, { busyMs: number; waitingMs: number }>;

/** One moment of a transfer, as numbers, over all of its sessions. Counts never go backwards. */
export interface ProgressSnapshot {
  role: "sender" | "receiver";
  /** Milliseconds since the transfer began. */
  elapsedMs: number;
  /** Content bytes sent (sender) or verified and written (receiver), those that an older version had among them. */
  bytesDone: number;
  /** Content bytes that were there from an earlier run, and do not travel again. */
  keptBytes: number;
  /** Content bytes to copy, as far as known, those that were kept among them. */
  bytesTotal: number;
  /** Entries (files, directories, links) done and to do, as far as known. */
  entriesDone: number;
  entriesTotal: number;
  /** True while the scan runs: the totals still grow. */
  growing: boolean;
  skipped: number;
  failed: number;
  limitedBy: Bottleneck | undefined;
}

/** One entry that was not copied, and why. */
export interface EntryFailure {
  /** Path relative to what was sent, escaped for printing. */
  path: string;
  code: ErrorCode;
  /** A sentence, escaped. */
  message: string;
}

/** The result of a transfer, over all of its sessions; both ends have the same figures, except for times. */
export interface TransferSummary {
  role: "sender" | "receiver";
  files: number;
  directories: number;
  links: number;
  /** Content bytes of the files that were copied. */
  bytes: number;
  /** Of `bytes`, those that were there from an earlier run. */
  keptBytes: number;
  /**
   * Content bytes that did not travel, since an older version at the destination had them (`delta`). Where a session was lost, a
   * sender counts what it left out of patches that did not arrive as well.
   */
  matchedBytes: number;
  /** Bytes read from and written to the connections. */
  wireBytes: number;
  elapsedMs: number;
  /** Entries that were already there, with the same size and time. */
  skipped: number;
  /** Files whose content was compared (`check`), those that were skipped or replaced after that. */
  compared: number;
  failed: number;
  /** Of `failed`, those that vanished or changed while being read. */
  changed: number;
  /** Files copied as they were at the start, that had grown by the time they were read. */
  grown: number;
  /** Entries copied without their mode or their time, which the receiver's file system refused or dropped; the receiver alone knows. */
  lacking: number;
  /** Files and links that took the place of another one. */
  replaced: number;
  /** Count and 128-bit sum of the entry hashes, in hexadecimal: `<count>-<32 digits>`; absent with `dryRun`. */
  treeHash?: string;
  /** 0, 23 or 24. */
  exitStatus: number;
  /** Nothing was written: `files`, `directories`, `links`, `bytes` and `replaced` are what a copy would do. */
  dryRun?: true;
  /** With `dryRun`: of `compared`, those whose content is another. */
  differing?: number;
  /** Present if no address of the peer answered and the connections went through ssh. */
  forwarded?: true;
}

/**
 * Events, in the order in which they happen. Those of a transfer have its number, from 1 on: the sessions of one transfer have
 * the same, and with `keep` there are several at a time.
 */
export type TransferEvent = EventBody & { session?: number };

type EventBody =
  | { type: "engine"; engine: "uring" | "deno"; reason: string }
  /** A sender says with it what it brings, and the name of the one directory or file where that can be printed. */
  | ({ type: "listening"; form?: "contents" | "file" | "several"; name?: string } & Listening)
  /** A session begins; `returned` if it goes on with a transfer whose session was lost. */
  | { type: "connected"; peer: string; returned?: true }
  | { type: "progress"; progress: ProgressSnapshot }
  | { type: "failure"; failure: EntryFailure }
  /** An entry that was there has been replaced; said of the first 20, the summary has the count. */
  | { type: "replaced"; path: string }
  /** Under `dryRun`: what would be copied, and whether another file or link is in its place. */
  | {
    type: "planned";
    path: string;
    kind: "file" | "directory" | "symbolic link";
    size: number;
    replaces: boolean;
  }
  | { type: "note"; level: "debug" | "info" | "warn"; message: string }
  | { type: "session-lost"; message: string }
  /** At a receiver whose session failed: what is in place and verified, over all sessions so far. */
  | { type: "kept"; files: number; links: number; bytes: number }
  /** Where the time went, just before `done`. */
  | { type: "stages"; stages: StageTimes }
  | { type: "done"; summary: TransferSummary };

/**
 * Receives every event; must not throw and should return at once. A promise that it returns for a `planned` event is awaited
 * before more is planned, so that a reader who takes its time holds up nothing else.
 */
export type EventSink = (event: TransferEvent) => unknown;
