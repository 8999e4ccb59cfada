/**
 * Submissions, encoded: one pure function an operation, each the counterpart of one `io_uring_prep_…` of
 * liburing.h 2.3 with the arguments in the same order.
 *
 * All take the submission ring as 32-bit words, and where in it the entry starts. They write all 64 bytes,
 * allocate nothing, and are called once an operation: hence positional arguments. Operations of the ring's
 * user also take the token that comes back with the completion, and {@linkcode sqeFlag}s. Addresses, offsets
 * and sizes are numbers: user space addresses have 47 bits (48 on aarch64), so that a double holds them
 * exactly. An offset of -1 is the file's own position.
 */
import { openHow } from "./layout.ts";

/** 32-bit words in one submission. */
export const sqeWords = 16;

/** The submission ring, or any other run of submissions, as words. */
export type SqeArea = Uint32Array<ArrayBuffer>;

/** `IORING_OP_…` (liburing/io_uring.h 2.3). */
export const opcode = {
  nop: 0,
  syncFileRange: 8,
  asyncCancel: 14,
  read: 22,
  write: 23,
  fadvise: 24,
  openat2: 28,
} as const;

/** The name of an operation. */
export type Operation = keyof typeof opcode;

/** `IOSQE_…`. Success must always be told (no IOSQE_CQE_SKIP_SUCCESS): the ring counts completions. */
export const sqeFlag = {
  none: 0,
  /** The next submission begins once this one has completed, whatever came of it. */
  hardlink: 1 << 3,
  /** Straight to a kernel worker. */
  async: 1 << 4,
} as const;

/** `IORING_ASYNC_CANCEL_…`. */
export const cancelFlag = { all: 1 << 0, any: 1 << 2 } as const;

const wordSize = 4294967296;

/** Writes all words of one submission. */
function encode(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  op: number,
  fd: number,
  address: number,
  length: number,
  offset: number,
  opFlags: number,
): void {
  sqes[at] = op | (flags << 8);
  sqes[at + 1] = fd;
  sqes[at + 2] = offset;
  sqes[at + 3] = Math.floor(offset / wordSize);
  sqes[at + 4] = address;
  sqes[at + 5] = Math.floor(address / wordSize);
  sqes[at + 6] = length;
  sqes[at + 7] = opFlags;
  sqes[at + 8] = token;
  sqes[at + 9] = 0;
  sqes[at + 10] = 0;
  sqes[at + 11] = 0;
  sqes[at + 12] = 0;
  sqes[at + 13] = 0;
  sqes[at + 14] = 0;
  sqes[at + 15] = 0;
}

/** openat2; `path` and `how`, a `struct open_how`, are addresses; completes with the descriptor. */
export function encodeOpenat2(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  how: number,
): void {
  encode(sqes, at, token, flags, opcode.openat2, directoryFd, path, openHow.size, how, 0);
}

/** pread; completes with the number of bytes. */
export function encodeRead(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  buffer: number,
  length: number,
  offset: number,
): void {
  encode(sqes, at, token, flags, opcode.read, fd, buffer, length, offset, 0);
}

/** pwrite; completes with the number of bytes. */
export function encodeWrite(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  buffer: number,
  length: number,
  offset: number,
): void {
  encode(sqes, at, token, flags, opcode.write, fd, buffer, length, offset, 0);
}

/** sync_file_range; `rangeFlags` is of `SYNC_FILE_RANGE_…`. */
export function encodeSyncFileRange(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  offset: number,
  length: number,
  rangeFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.syncFileRange, fd, 0, length, offset, rangeFlags);
}

/** posix_fadvise; `advice` is of `POSIX_FADV_…`. */
export function encodeFadvise(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  offset: number,
  length: number,
  advice: number,
): void {
  encode(sqes, at, token, flags, opcode.fadvise, fd, 0, length, offset, advice);
}

/** Does nothing, and completes with 0; the ring wakes waiters by it. */
export function encodeNop(sqes: SqeArea, at: number): void {
  encode(sqes, at, 0, 0, opcode.nop, -1, 0, 0, 0, 0);
}

/** Cancels everything in flight. */
export function encodeCancelAll(sqes: SqeArea, at: number): void {
  encode(sqes, at, 0, 0, opcode.asyncCancel, -1, 0, 0, 0, cancelFlag.any | cancelFlag.all);
}
