/** The one error type of rcopy, and what each of its codes means to a script. */

/** Everything that can go wrong, once. Code decides by these, never by the text of a message. */
export type ErrorCode =
  | "internal" // a fault of rcopy itself
  | "integrity" // the two ends disagree about what was copied
  | "usage" // wrong option, wrong argument
  | "same-place" // DEST is PATH itself
  | "source-missing" // a PATH of the command line does not exist or cannot be read
  | "address-in-use" // the port to listen on is taken
  | "permission-flag" // Deno was not given a permission that this needs
  | "engine-unavailable" // --io uring where it cannot be had
  | "protocol" // the peer broke the protocol
  | "version" // no common protocol version
  | "refused" // the peer refused us, or we refused it
  | "busy" // the sender already serves another receiver
  | "unreachable" // the peer could not be reached
  | "peer-lost" // the connection ended before its time
  | "timeout" // the peer said nothing for too long
  | "again" // the receiver has answers of a person, and asks for another session of the transfer
  | "peer-ended" // the peer ended the session by itself: it was interrupted there, or failed
  | "no-space" // the destination has no room (bytes or inodes)
  | "read-only" // the destination is on a read-only file system
  | "destination" // the destination cannot take it for another reason
  | "exists" // an entry is there already and --exists fail was given
  | "type-conflict" // a file where a directory must go, or the reverse
  | "name-unsafe" // a name that could leave the destination
  | "name-unrepresentable" // a name that this engine cannot spell
  | "unsupported-kind" // FIFO, socket, device
  | "not-permitted" // EACCES, EPERM on one entry
  | "not-found" // ENOENT on one entry
  | "vanished" // was there when scanned, is gone when read
  | "changed" // shrank or was rewritten while being read
  | "grown" // was copied as it was when scanned, and has more now
  | "corrupt" // an extent did not arrive as it was sent, three times
  | "parent-failed" // its directory failed before it
  | "not-sent" // left out on purpose (DEST inside PATH, leftovers of a dead run)
  | "io" // any other errno on one entry
  | "interrupted"; // SIGINT, or an AbortSignal

/** Exit statuses of the program. */
export const exitStatusOfCode = {
  "internal": 1,
  "integrity": 1,
  "usage": 2,
  "same-place": 2,
  "source-missing": 2,
  "address-in-use": 2,
  "permission-flag": 2,
  "engine-unavailable": 2,
  "protocol": 3,
  "version": 3,
  "refused": 3,
  "busy": 4,
  "unreachable": 4,
  "peer-lost": 4,
  "timeout": 4,
  "again": 4,
  "peer-ended": 4,
  "no-space": 5,
  "read-only": 5,
  "destination": 5,
  "exists": 23,
  "type-conflict": 23,
  "name-unsafe": 3,
  "name-unrepresentable": 23,
  "unsupported-kind": 23,
  "not-permitted": 23,
  "not-found": 23,
  "vanished": 24,
  "changed": 24,
  "grown": 24,
  "corrupt": 23,
  "parent-failed": 23,
  "not-sent": 0, // listed, and no failure
  "io": 23,
  "interrupted": 130,
} as const satisfies Record<ErrorCode, number>;

/** Options of {@linkcode RcopyError}. */
export interface RcopyErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
  /** The C name of an errno ("ENOENT"), where a system call failed. */
  errno?: string;
}

/**
 * An error with a code that decides what happens next, and a message made of
 * the action, the value, the reason and, where there is one, the remedy.
 */
export class RcopyError extends Error {
  override readonly name = "RcopyError";
  readonly code: ErrorCode;
  readonly errno: string | undefined;

  constructor(code: ErrorCode, message: string, options: RcopyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errno = options.errno;
  }

  /** The exit status a run ends with when this error ends it. */
  get exitStatus(): number {
    return exitStatusOfCode[this.code];
  }
}

/** Whatever was thrown, as an {@linkcode RcopyError}: itself, or wrapped as an internal fault. */
export function asRcopyError(thrown: unknown): RcopyError {
  if (thrown instanceof RcopyError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new RcopyError("internal", `internal fault: ${reason}`, { cause: thrown });
}

/** A broken invariant of our own: never caught, never an {@linkcode RcopyError}. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${invariant}`);
}
