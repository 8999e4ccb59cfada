/**
 * The C library, for what io_uring does not do or does not do faster. Results are those of the C functions,
 * but a failure is the negated errno, as with io_uring.
 */
import { assert } from "../src/base/errors.ts";
import { openHow } from "./layout.ts";

/**
 * `libc.so.6`, each row under its prototype. Memory is a `buffer`, a struct at a fixed place a
 * `pointer`, a `size_t` a bigint: Deno calls slowly with a number in place of an address. A `ssize_t` result
 * fits an int, because Linux moves at most 0x7ffff000 bytes a call. Variadic functions take integers like any
 * other.
 */
export const libcSymbols = {
  // int *__errno_location(void);
  __errno_location: { parameters: [], result: "pointer" },
  // int openat(int dirfd, const char *pathname, int flags, ... /* mode_t mode */);
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  // long syscall(long number, ...), as openat2(int dirfd, const char *path, struct open_how *how, size_t)
  openat2: { name: "syscall", parameters: ["i32", "i32", "buffer", "pointer", "usize"], result: "i32" },
  // long syscall(long number, ...), as fchmodat2(int dirfd, const char *path, unsigned mode, unsigned flags)
  fchmodat2: { name: "syscall", parameters: ["i32", "i32", "buffer", "u32", "u32"], result: "i32" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t getdents64(int fd, void *dirp, size_t count);
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // off_t lseek(int fd, off_t offset, int whence);
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  // lseek where only success matters: a result that is a bigint costs time
  canSeek: { name: "lseek", parameters: ["i32", "i64", "i32"], result: "i32" },
  // int statx(int dirfd, const char *pathname, int flags, unsigned mask, struct statx *statxbuf);
  statx: { parameters: ["i32", "buffer", "i32", "u32", "pointer"], result: "i32" },
  // ssize_t readlinkat(int dirfd, const char *pathname, char *buf, size_t bufsiz);
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i32" },
  // int fstatfs(int fd, struct statfs *buf);
  fstatfs: { parameters: ["i32", "pointer"], result: "i32" },
  // int fchmod(int fd, mode_t mode);
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  // int fchmodat(int dirfd, const char *pathname, mode_t mode, int flags);
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // int futimens(int fd, const struct timespec times[2]);
  futimens: { parameters: ["i32", "pointer"], result: "i32" },
  // int utimensat(int dirfd, const char *pathname, const struct timespec times[2], int flags);
  utimensat: { parameters: ["i32", "buffer", "pointer", "i32"], result: "i32" },
  // ssize_t pread(int fd, void *buf, size_t count, off_t offset);
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  // ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  // int mkdirat(int dirfd, const char *pathname, mode_t mode);
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int unlinkat(int dirfd, const char *pathname, int flags);
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags);
  renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },
  // int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  // int faccessat(int dirfd, const char *pathname, int mode, int flags);
  faccessat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // ssize_t getxattr(const char *path, const char *name, void *value, size_t size);
  getxattr: { parameters: ["buffer", "buffer", "buffer", "usize"], result: "i32" },
  // int symlinkat(const char *target, int newdirfd, const char *linkpath);
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // long sysconf(int name);
  sysconf: { parameters: ["i32"], result: "i64" },
  // int fallocate(int fd, int mode, off_t offset, off_t len);
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  // int ftruncate(int fd, off_t length);
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // int flock(int fd, int operation);
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int getrlimit(int resource, struct rlimit *rlim);
  getrlimit: { parameters: ["i32", "pointer"], result: "i32" },
  // int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // uid_t geteuid(void);
  geteuid: { parameters: [], result: "u32" },
  // sighandler_t signal(int signum, sighandler_t handler);
  signal: { parameters: ["i32", "usize"], result: "usize" },
  // int fdatasync(int fd); on a thread of its own, where errno cannot be read
  fdatasync: { parameters: ["i32"], result: "i32", nonblocking: true },
  // int syncfs(int fd); on a thread of its own, where errno cannot be read
  syncfs: { parameters: ["i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** `__NR_openat2` and `__NR_fchmodat2`, the same on every architecture. */
const systemCall = { openat2: 437, fchmodat2: 452 } as const;
const openHowSize = BigInt(openHow.size);

/** `LOCK_…` (sys/file.h). */
export const lockFlag = { exclusive: 2, nonBlocking: 4 } as const;
/** `W_OK | X_OK` (unistd.h): entries can be made in a directory. */
export const mayMakeEntries = 3;
/** `RLIMIT_NOFILE` (asm-generic/resource.h); `struct rlimit` begins with the soft limit, a u64. */
export const limitOfFiles = 7;
/** `FALLOC_FL_KEEP_SIZE` (linux/falloc.h). */
const keepSize = 1;
/** `SIGXFSZ` (asm/signal.h), `SIG_IGN` (bits/signum-generic.h). */
const fileTooLarge = { signal: 25, ignore: 1n } as const;
/** `SEEK_SET` (unistd.h). */
const seekSet = 0;
/** `_SC_PAGESIZE`, `_SC_PHYS_PAGES` (bits/confname.h). */
const bytesOfPage = 30;
const pagesOfMemory = 85;

/** `SOL_SOCKET`, `SO_ACCEPTCONN` (asm-generic/socket.h), `IPPROTO_TCP` (netinet/in.h), `TCP_NODELAY` (netinet/tcp.h). */
export const socketOption = {
  socket: { level: 1, acceptsConnections: 30 },
  tcp: { level: 6, noDelay: 1 },
} as const;
/** Room for a `struct sockaddr` of any family (`struct sockaddr_storage`). */
const socketAddressSize = 128;

/** `struct statfs` (asm-generic/statfs.h, 64-bit); every field below is 8 bytes. */
export const statfs = {
  size: 120,
  type: 0,
  blockSize: 8,
  blocks: 16,
  available: 32,
  files: 40,
  filesFree: 48,
} as const;

/** Memory whose first byte a function is given: of names and paths, with a zero byte at their end. */
type Memory = Uint8Array<ArrayBuffer>;
type Pointer = Deno.PointerObject;
type Library = Deno.DynamicLibrary<typeof libcSymbols>;
let users = 0;
let library: Library | undefined;

/** The C library of the isolate's own thread: errno belongs to a thread. Disposing lets go of it. */
export class Libc implements Disposable {
  readonly #symbols: Library["symbols"];
  readonly #errno: Int32Array<ArrayBuffer>;
  #closed = false;

  private constructor(symbols: Library["symbols"]) {
    this.#symbols = symbols;
    const location = symbols.__errno_location();
    assert(location !== null, "errno is somewhere");
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
  }

  /** @throws whatever Deno.dlopen throws: there is no glibc, or no permission */
  static open(): Libc {
    library ??= Deno.dlopen("libc.so.6", libcSymbols);
    users += 1;
    return new Libc(library.symbols);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    users -= 1;
    if (users > 0) return;
    library?.close();
    library = undefined;
  }

  /** The result, or the negated errno. Nothing may come between the call and this. */
  #result(result: number): number {
    return result < 0 ? -this.#errno[0]! : result;
  }

  openat(directoryFd: number, path: Memory, flags: number, mode: number): number {
    return this.#result(this.#symbols.openat(directoryFd, path, flags, mode));
  }

  /** `how` is a `struct open_how`. */
  openat2(directoryFd: number, path: Memory, how: Pointer): number {
    return this.#result(this.#symbols.openat2(systemCall.openat2, directoryFd, path, how, openHowSize));
  }

  /** Linux 6.6 and later. */
  fchmodat2(directoryFd: number, path: Memory, mode: number, atFlags: number): number {
    return this.#result(this.#symbols.fchmodat2(systemCall.fchmodat2, directoryFd, path, mode, atFlags));
  }

  close(fd: number): number {
    return this.#result(this.#symbols.close(fd));
  }

  getdents64(fd: number, buffer: Memory): number {
    return this.#result(this.#symbols.getdents64(fd, buffer, BigInt(buffer.length)));
  }

  /** lseek from the start, to an offset that a `struct dirent64` named. */
  seek(fd: number, offset: bigint): number {
    return this.#result(this.#symbols.lseek(fd, offset, seekSet) < 0n ? -1 : 0);
  }

  /** lseek to the start: 0, or -ESPIPE on a FIFO, a socket or a terminal, whose reads may wait for ever. */
  rewind(fd: number): number {
    return this.#result(this.#symbols.canSeek(fd, 0n, seekSet));
  }

  statx(directoryFd: number, path: Memory, atFlags: number, mask: number, buffer: Pointer): number {
    return this.#result(this.#symbols.statx(directoryFd, path, atFlags, mask, buffer));
  }

  readlinkat(directoryFd: number, path: Memory, buffer: Memory): number {
    return this.#result(this.#symbols.readlinkat(directoryFd, path, buffer, BigInt(buffer.length)));
  }

  fstatfs(fd: number, buffer: Pointer): number {
    return this.#result(this.#symbols.fstatfs(fd, buffer));
  }

  fchmod(fd: number, mode: number): number {
    return this.#result(this.#symbols.fchmod(fd, mode));
  }

  /** Follows symbolic links. */
  fchmodat(directoryFd: number, path: Memory, mode: number): number {
    return this.#result(this.#symbols.fchmodat(directoryFd, path, mode, 0));
  }

  futimens(fd: number, times: Pointer): number {
    return this.#result(this.#symbols.futimens(fd, times));
  }

  utimensat(directoryFd: number, path: Memory, times: Pointer, atFlags: number): number {
    return this.#result(this.#symbols.utimensat(directoryFd, path, times, atFlags));
  }

  /** Reads up to `target.length` bytes. */
  pread(fd: number, target: Memory, offset: number): number {
    return this.#result(this.#symbols.pread(fd, target, BigInt(target.length), BigInt(offset)));
  }

  /** Writes up to `source.length` bytes. */
  pwrite(fd: number, source: Memory, offset: number): number {
    return this.#result(this.#symbols.pwrite(fd, source, BigInt(source.length), BigInt(offset)));
  }

  mkdirat(directoryFd: number, path: Memory, mode: number): number {
    return this.#result(this.#symbols.mkdirat(directoryFd, path, mode));
  }

  unlinkat(directoryFd: number, path: Memory, atFlags: number): number {
    return this.#result(this.#symbols.unlinkat(directoryFd, path, atFlags));
  }

  renameat2(fromFd: number, fromPath: Memory, toFd: number, toPath: Memory, flags: number): number {
    return this.#result(this.#symbols.renameat2(fromFd, fromPath, toFd, toPath, flags));
  }

  /** Follows no symbolic link: a link itself gets another name. */
  linkat(fromFd: number, fromPath: Memory, toFd: number, toPath: Memory): number {
    return this.#result(this.#symbols.linkat(fromFd, fromPath, toFd, toPath, 0));
  }

  faccessat(directoryFd: number, path: Memory, mode: number, atFlags: number): number {
    return this.#result(this.#symbols.faccessat(directoryFd, path, mode, atFlags));
  }

  /** The size of the value, which is not read. Follows symbolic links. */
  attributeSize(path: Memory, name: Memory): number {
    return this.#result(this.#symbols.getxattr(path, name, nothing, 0n));
  }

  symlinkat(target: Memory, directoryFd: number, path: Memory): number {
    return this.#result(this.#symbols.symlinkat(target, directoryFd, path));
  }

  /** Bytes of memory that this machine has. */
  memoryBytes(): number {
    return Number(this.#symbols.sysconf(pagesOfMemory)) * Number(this.#symbols.sysconf(bytesOfPage));
  }

  /** Reserves `length` bytes from `offset` on; the size of the file stays. */
  reserve(fd: number, offset: number, length: number): number {
    return this.#result(this.#symbols.fallocate(fd, keepSize, BigInt(offset), BigInt(length)));
  }

  ftruncate(fd: number, length: number): number {
    return this.#result(this.#symbols.ftruncate(fd, BigInt(length)));
  }

  /** User number that files of this process have. */
  effectiveUser(): number {
    return this.#symbols.geteuid();
  }

  /** A file above the limit of `ulimit -f` is an error of the write from now on, where it would end the process. */
  ignoreFileTooLarge(): void {
    this.#symbols.signal(fileTooLarge.signal, fileTooLarge.ignore);
  }

  /** `operation` is of {@linkcode lockFlag}. */
  flock(fd: number, operation: number): number {
    return this.#result(this.#symbols.flock(fd, operation));
  }

  getrlimit(resource: number, buffer: Pointer): number {
    return this.#result(this.#symbols.getrlimit(resource, buffer));
  }

  /** Port of the address that a socket of IPv4 or IPv6 is bound to. */
  portOf(fd: number): number {
    const address = new Uint8Array(socketAddressSize);
    const result = this.#result(this.#symbols.getsockname(fd, address, bytesOfInt(address.length)));
    // The port lies at the same place in both families, the higher byte first.
    return result < 0 ? result : address[2]! * 256 + address[3]!;
  }

  /** The value of an option that is an int; not of one that can be negative. */
  socketOption(fd: number, level: number, name: number): number {
    const value = bytesOfInt(0);
    const result = this.#result(
      this.#symbols.getsockopt(fd, level, name, value, bytesOfInt(value.length)),
    );
    return result < 0 ? result : new DataView(value.buffer).getInt32(0, true);
  }

  setSocketOption(fd: number, level: number, name: number, value: number): number {
    return this.#result(this.#symbols.setsockopt(fd, level, name, bytesOfInt(value), 4));
  }

  /** Beside the event loop; a failure is -1, without a reason. */
  fdatasync(fd: number): Promise<number> {
    return this.#symbols.fdatasync(fd);
  }

  /** Beside the event loop; a failure is -1, without a reason. */
  syncfs(fd: number): Promise<number> {
    return this.#symbols.syncfs(fd);
  }
}

const nothing = new Uint8Array(0);

/** An `int` or a `socklen_t` in memory. */
function bytesOfInt(value: number): Memory {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
