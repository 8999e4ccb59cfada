/**
 * Submissions, encoded: one pure function an operation, each the counterpart of one `io_uring_prep_…` of
 * liburing.h 2.3 with the arguments in the same order.
 *
 * All take the submission ring as 32-bit words, where in it the entry starts, the token that comes
 * back with the completion, and {@linkcode sqeFlag}s. They write all 64 bytes, allocate nothing, and are
 * called once an operation: hence positional arguments. Addresses, offsets and sizes are numbers: user
 * space addresses have 47 bits (48 on aarch64), so that a double holds them exactly. An offset of -1 is the
 * file's own position.
 */

/** 32-bit words in one submission. */
export const sqeWords = 16;

/** The submission ring, or any other run of submissions, as words. */
export type SqeArea = Uint32Array<ArrayBuffer>;

/** `IORING_OP_…` (liburing/io_uring.h 2.3; ftruncate: linux/io_uring.h 6.9). */
export const opcode = {
  nop: 0,
  fsync: 3,
  syncFileRange: 8,
  asyncCancel: 14,
  fallocate: 17,
  openat: 18,
  close: 19,
  statx: 21,
  read: 22,
  write: 23,
  fadvise: 24,
  openat2: 28,
  renameat: 35,
  unlinkat: 36,
  mkdirat: 37,
  symlinkat: 38,
  linkat: 39,
  ftruncate: 55,
} as const;

/** The name of an operation. */
export type Operation = keyof typeof opcode;

/** `IOSQE_…`. Success must always be told (no IOSQE_CQE_SKIP_SUCCESS): the ring counts completions. */
export const sqeFlag = {
  none: 0,
  /** The descriptor is a slot of the registered files. */
  fixedFile: 1 << 0,
  /** Begin only when everything before has completed. */
  drain: 1 << 1,
  /**
   * The next submission begins after this one; a failure (a short read is one) cancels the rest of the
   * chain.
   */
  link: 1 << 2,
  /** The same, but a failure breaks nothing. */
  hardlink: 1 << 3,
  /** Straight to a kernel worker. */
  async: 1 << 4,
} as const;

/** `IORING_ASYNC_CANCEL_…`. */
export const cancelFlag = { all: 1 << 0, fd: 1 << 1, any: 1 << 2, fdFixed: 1 << 3 } as const;

/** `IORING_FSYNC_DATASYNC`. */
export const fsyncDataOnly = 1;

/** In place of a slot: open as an ordinary descriptor. */
export const noSlot = -1;

const wordSize = 4294967296;

/** Writes all words of one submission; `fileIndex` is 0 for none, else a slot plus one. */
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
  fileIndex: number,
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
  sqes[at + 11] = fileIndex;
  sqes[at + 12] = 0;
  sqes[at + 13] = 0;
  sqes[at + 14] = 0;
  sqes[at + 15] = 0;
}

/** Does nothing, and completes with 0. */
export function encodeNop(sqes: SqeArea, at: number, token: number, flags: number): void {
  encode(sqes, at, token, flags, opcode.nop, -1, 0, 0, 0, 0, 0);
}

/** openat; with a slot, into the registered files (then without O_CLOEXEC). */
export function encodeOpenat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  openFlags: number,
  mode: number,
  slot: number = noSlot,
): void {
  encode(sqes, at, token, flags, opcode.openat, directoryFd, path, mode, 0, openFlags, slot + 1);
}

/** openat2; `how` is the address of a `struct open_how`; with a slot as {@linkcode encodeOpenat}. */
export function encodeOpenat2(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  how: number,
  slot: number = noSlot,
): void {
  encode(sqes, at, token, flags, opcode.openat2, directoryFd, path, 24, how, 0, slot + 1);
}

/** statx; `buffer` is the address of 256 bytes. */
export function encodeStatx(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  atFlags: number,
  mask: number,
  buffer: number,
): void {
  encode(sqes, at, token, flags, opcode.statx, directoryFd, path, mask, buffer, atFlags, 0);
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
  encode(sqes, at, token, flags, opcode.read, fd, buffer, length, offset, 0, 0);
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
  encode(sqes, at, token, flags, opcode.write, fd, buffer, length, offset, 0, 0);
}

/** close of an ordinary descriptor. */
export function encodeClose(sqes: SqeArea, at: number, token: number, flags: number, fd: number): void {
  encode(sqes, at, token, flags, opcode.close, fd, 0, 0, 0, 0, 0);
}

/** close of a slot of the registered files. */
export function encodeCloseSlot(sqes: SqeArea, at: number, token: number, flags: number, slot: number): void {
  encode(sqes, at, token, flags, opcode.close, 0, 0, 0, 0, 0, slot + 1);
}

/** mkdirat. */
export function encodeMkdirat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  mode: number,
): void {
  encode(sqes, at, token, flags, opcode.mkdirat, directoryFd, path, mode, 0, 0, 0);
}

/** unlinkat; `atFlags` says whether a directory is removed. */
export function encodeUnlinkat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  directoryFd: number,
  path: number,
  atFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.unlinkat, directoryFd, path, 0, 0, atFlags, 0);
}

/** renameat2. */
export function encodeRenameat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fromFd: number,
  fromPath: number,
  toFd: number,
  toPath: number,
  renameFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.renameat, fromFd, fromPath, toFd, toPath, renameFlags, 0);
}

/** linkat. */
export function encodeLinkat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fromFd: number,
  fromPath: number,
  toFd: number,
  toPath: number,
  atFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.linkat, fromFd, fromPath, toFd, toPath, atFlags, 0);
}

/** symlinkat. */
export function encodeSymlinkat(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  target: number,
  directoryFd: number,
  path: number,
): void {
  encode(sqes, at, token, flags, opcode.symlinkat, directoryFd, target, 0, path, 0, 0);
}

/** fallocate; `mode` is of `FALLOC_FL_…`. */
export function encodeFallocate(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  mode: number,
  offset: number,
  length: number,
): void {
  encode(sqes, at, token, flags, opcode.fallocate, fd, length, mode, offset, 0, 0);
}

/** ftruncate; Linux 6.9 and later, ask the ring whether it is supported. */
export function encodeFtruncate(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  length: number,
): void {
  encode(sqes, at, token, flags, opcode.ftruncate, fd, 0, 0, length, 0, 0);
}

/** fsync, or fdatasync with {@linkcode fsyncDataOnly}. */
export function encodeFsync(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  fd: number,
  fsyncFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.fsync, fd, 0, 0, 0, fsyncFlags, 0);
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
  encode(sqes, at, token, flags, opcode.syncFileRange, fd, 0, length, offset, rangeFlags, 0);
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
  encode(sqes, at, token, flags, opcode.fadvise, fd, 0, length, offset, advice, 0);
}

/** Cancels what was submitted with the token `target`; completes with 0, -ENOENT or -EALREADY. */
export function encodeCancel(
  sqes: SqeArea,
  at: number,
  token: number,
  flags: number,
  target: number,
  cancelFlags: number,
): void {
  encode(sqes, at, token, flags, opcode.asyncCancel, -1, target, 0, 0, cancelFlags, 0);
}
