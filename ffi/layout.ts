/**
 * Where the fields of the kernel's and liburing's structs lie, in bytes.
 *
 * Sources: `liburing.h` and `liburing/io_uring.h` of liburing 2.3 (Debian 12), `linux/stat.h`,
 * `linux/openat2.h`, `linux/fcntl.h`, `asm/fcntl.h` of Linux 6.1, `dirent.h` of glibc 2.36. All of
 * them are checked against a C compiler by `tests/ffi_golden/`. Layouts are those of 64-bit little-endian
 * machines (x86-64 and aarch64, where Deno runs).
 */

/** `struct io_uring` (liburing.h): the library's own state, allocated by its caller. */
export const ioUring = {
  size: 216,
  sqKernelHead: 0, // unsigned *
  sqKernelTail: 8, // unsigned *
  sqKernelFlags: 32, // unsigned *
  sqes: 56, // struct io_uring_sqe *
  sqeHead: 64, // unsigned
  sqeTail: 68, // unsigned
  cqKernelHead: 104, // unsigned *
  cqKernelTail: 112, // unsigned *
  cqKernelOverflow: 144, // unsigned *
  cqes: 152, // struct io_uring_cqe *
  ringFd: 196, // int
  features: 200, // unsigned
} as const;

/** `struct io_uring_params` (liburing/io_uring.h). */
export const ioUringParams = { size: 120, sqEntries: 0, cqEntries: 4, flags: 8, features: 20 } as const;

/** `struct io_uring_sqe`: one submission. */
export const ioUringSqe = {
  size: 64,
  opcode: 0,
  flags: 1,
  ioprio: 2,
  fd: 4,
  off: 8,
  addr: 16,
  len: 24,
  opFlags: 28,
  userData: 32,
  bufIndex: 40,
  personality: 42,
  fileIndex: 44,
  addr3: 48,
} as const;

/** `struct io_uring_cqe`: one completion. */
export const ioUringCqe = { size: 16, userData: 0, res: 8, flags: 12 } as const;

/** `struct io_uring_probe` and its `struct io_uring_probe_op` elements. */
export const ioUringProbe = {
  size: 16,
  lastOp: 0,
  opsLength: 1,
  ops: 16,
  opSize: 8,
  opFlags: 2,
} as const;

/** `IO_URING_OP_SUPPORTED`. */
export const probeSupported = 1;

/** `struct io_uring_getevents_arg`, the extended argument of io_uring_enter. */
export const ioUringGetEventsArg = { size: 24, sigmask: 0, sigmaskSize: 8, timespec: 16 } as const;

/** `struct __kernel_timespec`. */
export const kernelTimespec = { size: 16, seconds: 0, nanoseconds: 8 } as const;

/** `struct open_how` (linux/openat2.h). */
export const openHow = { size: 24, flags: 0, mode: 8, resolve: 16 } as const;

/** `struct statx` (linux/stat.h); times are `struct statx_timestamp`: s64 seconds, then u32 nanoseconds. */
export const statx = {
  size: 256,
  mask: 0, // u32
  blockSize: 4, // u32
  attributes: 8, // u64
  links: 16, // u32
  uid: 20, // u32
  gid: 24, // u32
  mode: 28, // u16
  inode: 32, // u64
  bytes: 40, // u64
  blocks: 48, // u64
  atime: 64,
  btime: 80,
  ctime: 96,
  mtime: 112,
  deviceKindMajor: 128, // u32
  deviceKindMinor: 132, // u32
  deviceMajor: 136, // u32
  deviceMinor: 140, // u32
  nanoseconds: 8, // within a time
} as const;

/** `struct dirent64` (dirent.h), as getdents64 fills it; the name ends with a zero byte. */
export const dirent64 = { inode: 0, offset: 8, recordLength: 16, type: 18, name: 19 } as const;

/** `d_type` of {@linkcode dirent64} (dirent.h). */
export const direntType = {
  unknown: 0,
  fifo: 1,
  characterDevice: 2,
  directory: 4,
  blockDevice: 6,
  file: 8,
  link: 10,
  socket: 12,
} as const;

const isArm = Deno.build.arch === "aarch64";

/** `O_…` (asm/fcntl.h); four of them differ between x86-64 and aarch64. */
export const openFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  noCtty: 0o400,
  truncate: 0o1000,
  append: 0o2000,
  nonblock: 0o4000,
  direct: isArm ? 0o200000 : 0o40000,
  directory: isArm ? 0o40000 : 0o200000,
  noFollow: isArm ? 0o100000 : 0o400000,
  noAtime: 0o1000000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const;

/** `AT_…` (linux/fcntl.h). */
export const atFlag = {
  /** In place of a directory's descriptor: the working directory. */
  workingDirectory: -100,
  symlinkNoFollow: 0x100,
  removeDirectory: 0x200,
  symlinkFollow: 0x400,
  emptyPath: 0x1000,
} as const;

/** `RESOLVE_…` (linux/openat2.h). */
export const resolveFlag = {
  noCrossDevice: 0x01,
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
} as const;

/** `STATX_…` (linux/stat.h). */
export const statxMask = {
  type: 0x001,
  mode: 0x002,
  links: 0x004,
  uid: 0x008,
  gid: 0x010,
  atime: 0x020,
  mtime: 0x040,
  ctime: 0x080,
  inode: 0x100,
  size: 0x200,
  blocks: 0x400,
  basic: 0x7ff,
} as const;

/** `S_IF…` (linux/stat.h): the kind of a file within its mode. */
export const fileKind = {
  mask: 0o170000,
  socket: 0o140000,
  link: 0o120000,
  file: 0o100000,
  blockDevice: 0o060000,
  directory: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
} as const;

/** `SYNC_FILE_RANGE_…` (linux/fs.h). */
export const syncRangeFlag = { waitBefore: 1, write: 2, waitAfter: 4 } as const;

/** `POSIX_FADV_…` (linux/fadvise.h). */
export const fileAdvice = { willNeed: 3, dontNeed: 4 } as const;

/** `FALLOC_FL_…` (linux/falloc.h). */
export const fallocateMode = { keepSize: 0x01, punchHole: 0x02, zeroRange: 0x10 } as const;

/** `RENAME_…` (linux/fs.h). */
export const renameFlag = { noReplace: 1, exchange: 2 } as const;

/** `IORING_SETUP_…`. Never SINGLE_ISSUER or DEFER_TASKRUN: a wait may come from another thread. */
export const setupFlag = { completionSize: 1 << 3, submitAll: 1 << 7 } as const;

/** `IORING_FEAT_…`. */
export const ringFeature = {
  /** Linux 5.17: a linked read finds the file that the open before it has put into a slot. */
  linkedFile: 1 << 12,
} as const;

/** `IORING_ENTER_…`. */
export const enterFlag = { getEvents: 1 << 0, extendedArgument: 1 << 3 } as const;

/** The few errno values that a user of the ring compares with; all are the same on x86-64 and aarch64. */
export const ringErrno = {
  perm: 1,
  intr: 4,
  badf: 9,
  again: 11,
  nomem: 12,
  busy: 16,
  inval: 22,
  mfile: 24,
  nosys: 38,
  time: 62,
  canceled: 125,
} as const;
