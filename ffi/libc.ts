/** libc: what is no io_uring operation, or what io_uring would hand to a thread. Opened lazily, shared, closed with its last user. */

/** `libc.so.6` (glibc 2.28 and later); each row under its prototype. Results below zero mean that errno has been set. */
const symbols = {
  // int openat(int dirfd, const char *pathname, int flags, mode_t mode);
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  // long syscall(long number, ...), as openat2(int dirfd, const char *pathname, struct open_how *how, size_t size)
  openat2: { name: "syscall", parameters: ["i64", "i32", "buffer", "buffer", "usize"], result: "i64" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t pread(int fd, void *buf, size_t count, off_t offset);
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i64" },
  // ssize_t write(int fd, const void *buf, size_t count);
  write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i64" },
  // int statx(int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf);
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  // ssize_t getdents64(int fd, void *dirp, size_t count);
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // ssize_t readlinkat(int dirfd, const char *pathname, char *buf, size_t bufsiz);
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i64" },
  // int mkdirat(int dirfd, const char *pathname, mode_t mode);
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int unlinkat(int dirfd, const char *pathname, int flags);
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags);
  renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },
  // int symlinkat(const char *target, int newdirfd, const char *linkpath);
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // int fchmod(int fd, mode_t mode);
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  // int futimens(int fd, const struct timespec times[2]);
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  // int utimensat(int dirfd, const char *pathname, const struct timespec times[2], int flags);
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  // int fallocate(int fd, int mode, off_t offset, off_t len);
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  // int ftruncate(int fd, off_t length);
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // int fstatfs(int fd, struct statfs *buf);
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  // int syncfs(int fd);  on a thread of its own: it may take minutes
  syncfs: { parameters: ["i32"], result: "i32", nonblocking: true },
  // int flock(int fd, int operation);
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // mode_t umask(mode_t mask);
  umask: { parameters: ["u32"], result: "u32" },
  // int getrlimit(int resource, struct rlimit *rlim);
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  // int *__errno_location(void);
  errnoLocation: { name: "__errno_location", parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** `__NR_openat2`, the same on every architecture. */
const openat2Number = 437n;
/** `RLIMIT_NOFILE` (bits/resource.h of glibc on x86-64 and aarch64). */
const limitOfFiles = 7;

type Functions = Deno.DynamicLibrary<typeof symbols>["symbols"];

let library: Deno.DynamicLibrary<typeof symbols> | undefined;
let users = 0;

/** The functions of libc, and errno. One a user; dispose of it. */
export class Libc implements Disposable {
  readonly call: Functions;
  /** errno of this thread, read in place: another call in between could change it. */
  readonly #errno: Int32Array;
  #isOpen = true;

  private constructor(loaded: Deno.DynamicLibrary<typeof symbols>) {
    this.call = loaded.symbols;
    const location = loaded.symbols.errnoLocation();
    if (location === null) throw new Error("assertion failed: errno has an address");
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
  }

  /** @throws whatever Deno.dlopen throws: there is no glibc, or no permission */
  static open(): Libc {
    library ??= Deno.dlopen("libc.so.6", symbols);
    users++;
    return new Libc(library);
  }

  /** errno of the call before, on this thread. */
  get errno(): number {
    return this.#errno[0]!;
  }

  /** openat2; `how` is a `struct open_how`. */
  openat2(directoryFd: number, name: Uint8Array<ArrayBuffer>, how: Uint8Array<ArrayBuffer>): number {
    return Number(this.call.openat2(openat2Number, directoryFd, name, how, BigInt(how.length)));
  }

  /** The umask; it is 0 for the moment of looking. */
  readUmask(): number {
    const umask = this.call.umask(0);
    this.call.umask(umask);
    return umask;
  }

  /** How many descriptors this process may have open. */
  descriptorLimit(): number {
    const limit = new BigUint64Array(2);
    if (this.call.getrlimit(limitOfFiles, new Uint8Array(limit.buffer)) < 0) return 256;
    return Number(limit[0]! > 1_000_000n ? 1_000_000n : limit[0]!);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    users--;
    if (users > 0) return;
    library?.close();
    library = undefined;
  }
}
