/** The C functions that the ring calls: liburing's, and libc's `syscall`; each row under its prototype. */

/** `liburing.so.2`; prototypes from liburing.h of version 2.3. Results below zero are a negated errno. */
export const liburingSymbols = {
  // int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p);
  io_uring_queue_init_params: { parameters: ["u32", "pointer", "pointer"], result: "i32" },
  // void io_uring_queue_exit(struct io_uring *ring);
  io_uring_queue_exit: { parameters: ["pointer"], result: "void" },
  // int io_uring_submit(struct io_uring *ring);
  io_uring_submit: { parameters: ["pointer"], result: "i32" },
  // int io_uring_register_probe(struct io_uring *ring, struct io_uring_probe *p, unsigned nr);
  io_uring_register_probe: { parameters: ["pointer", "pointer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * `libc.so.6`. io_uring_enter is called by number because liburing exports it from 2.3 on only. The result
 * is -1 on failure.
 */
export const enterSymbols = {
  // long syscall(long number, ...), as io_uring_enter(unsigned fd, unsigned to_submit,
  //   unsigned min_complete, unsigned flags, const void *arg, size_t argsz)
  enter: {
    name: "syscall",
    parameters: ["i32", "u32", "u32", "u32", "u32", "pointer", "usize"],
    result: "i32",
  },
  // io_uring_enter on a thread of its own; it must only wait (to_submit 0), see Ring.wait
  enterAside: {
    name: "syscall",
    parameters: ["i32", "u32", "u32", "u32", "u32", "pointer", "usize"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** `__NR_io_uring_enter`, the same on every architecture but alpha. */
export const enterSyscall = 426;

/** The functions of both libraries. */
export interface RingLibrary {
  readonly liburing: Deno.DynamicLibrary<typeof liburingSymbols>["symbols"];
  readonly enter: Deno.DynamicLibrary<typeof enterSymbols>["symbols"];
}

let users = 0;
let liburing: Deno.DynamicLibrary<typeof liburingSymbols> | undefined;
let libc: Deno.DynamicLibrary<typeof enterSymbols> | undefined;

/**
 * Loads the libraries where no ring has loaded them yet. Every call is paired with {@linkcode
 * releaseRingLibrary}.
 * @throws whatever Deno.dlopen throws: the library is missing, or there is no permission
 */
export function acquireRingLibrary(): RingLibrary {
  liburing ??= Deno.dlopen("liburing.so.2", liburingSymbols);
  try {
    libc ??= Deno.dlopen("libc.so.6", enterSymbols);
  } catch (thrown) {
    if (users === 0) closeLibraries();
    throw thrown;
  }
  users += 1;
  return { liburing: liburing.symbols, enter: libc.symbols };
}

/** Unloads the libraries with the last user; nothing of them may be called by that user any more. */
export function releaseRingLibrary(): void {
  users -= 1;
  if (users === 0) closeLibraries();
}

function closeLibraries(): void {
  liburing?.close();
  libc?.close();
  liburing = undefined;
  libc = undefined;
}
