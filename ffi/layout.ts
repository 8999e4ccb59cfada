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
  sqes: 56, // struct io_uring_sqe *
  sqeTail: 68, // unsigned
  cqKernelHead: 104, // unsigned *
  cqKernelTail: 112, // unsigned *
  cqKernelOverflow: 144, // unsigned *
  cqes: 152, // struct io_uring_cqe *
  ringFd: 196, // int
} as const;

/** `struct io_uring_params` (liburing/io_uring.h). */
export const ioUringParams = { sqEntries: 0, cqEntries: 4, flags: 8, features: 20 } as const;

/** `struct io_uring_probe` and its `struct io_uring_probe_op` elements. */
export const ioUringProbe = { opsLength: 1, ops: 16, opSize: 8, opFlags: 2 } as const;

/** `IO_URING_OP_SUPPORTED`. */
export const probeSupported = 1;

/** `struct io_uring_getevents_arg`, the extended argument of io_uring_enter. */
export const ioUringGetEventsArg = { size: 24, timespec: 16 } as const;

/** `struct __kernel_timespec`. */
export const kernelTimespec = { nanoseconds: 8 } as const;

/** `struct open_how` (linux/openat2.h). */
export const openHow = { size: 24, flags: 0, mode: 8, resolve: 16 } as const;

/** `struct statx` (linux/stat.h); times are `struct statx_timestamp`: s64 seconds, then u32 nanoseconds. */
export const statx = {
  size: 256,
  links: 16, // u32
  owner: 20, // u32
  mode: 28, // u16
  inode: 32, // u64
  bytes: 40, // u64
  ctime: 96,
  mtime: 112,
  deviceMajor: 136, // u32
  deviceMinor: 140, // u32
  nanoseconds: 8, // within a time
} as const;

/** `struct dirent64` (dirent.h), as getdents64 fills it; the name ends with a zero byte. */
export const dirent64 = { offset: 8, recordLength: 16, type: 18, name: 19 } as const;

const isArm = Deno.build.arch === "aarch64";

/** `O_…` (asm/fcntl.h); two of them differ between x86-64 and aarch64. */
export const openFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  nonblock: 0o4000,
  directory: isArm ? 0o40000 : 0o200000,
  noFollow: isArm ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const;

/** `AT_…` (linux/fcntl.h). */
export const atFlag = {
  /** In place of a directory's descriptor: the working directory. */
  workingDirectory: -100,
  symlinkNoFollow: 0x100,
  removeDirectory: 0x200,
  /** Of faccessat: rights of the effective user. */
  effectiveAccess: 0x200,
  emptyPath: 0x1000,
} as const;

/** `RESOLVE_…` (linux/openat2.h). */
export const resolveFlag = {
  noCrossDevice: 0x01,
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
} as const;

/** `STATX_…` (linux/stat.h). */
export const statxMask = {
  type: 0x001,
  mode: 0x002,
  links: 0x004,
  owner: 0x008,
  mtime: 0x040,
  ctime: 0x080,
  inode: 0x100,
  size: 0x200,
} as const;

/** `SYNC_FILE_RANGE_…` (linux/fs.h). */
export const syncRangeFlag = { waitBefore: 1, write: 2, waitAfter: 4 } as const;

/** `POSIX_FADV_…` (linux/fadvise.h). */
export const fileAdvice = { dontNeed: 4 } as const;

/** `RENAME_…` (linux/fs.h). */
export const renameFlag = { noReplace: 1 } as const;

/** `IORING_SETUP_…`. Never SINGLE_ISSUER or DEFER_TASKRUN: a wait may come from another thread. */
export const setupFlag = { completionSize: 1 << 3, submitAll: 1 << 7 } as const;

/** `IORING_FEAT_…`. */
export const ringFeature = {
  /** Set by Linux 5.17 and later. Kernels before it are refused: nobody has tried the engine on them. */
  linkedFile: 1 << 12,
} as const;

/** `IORING_ENTER_…`. */
export const enterFlag = { getEvents: 1 << 0, extendedArgument: 1 << 3 } as const;
