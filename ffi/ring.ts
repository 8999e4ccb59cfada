/**
 * An io_uring. One turn of its use:
 *
 *  1. claim   an operation's method (`openat2`, `read`, …) encodes it into the mapped submission ring
 *  2. submit  one synchronous call hands all of them to the kernel; many complete within it
 *  3. reap    completions are read from the mapped completion ring, without a call
 *  4. wait    only for what has not completed, beside the event loop
 *
 * Submitting happens on the isolate's own thread only: a thread that ends takes its requests with it.
 */
import { assert, RcopyError } from "../src/base/errors.ts";
import { CompletionQueue, type OnCompletion } from "./cqe.ts";
import { errno, errnoName } from "./errno.ts";
import { enterFlag, ioUring, ioUringGetEventsArg, kernelTimespec } from "./layout.ts";
import { Scratch } from "./scratch.ts";
import { controlAt, type RingSetup, setUpRing } from "./setup.ts";
import { encodeCancelAll, encodeNop, opcode, type Operation } from "./sqe.ts";
import { SubmissionQueue } from "./submission.ts";
import { enterSyscall, releaseRingLibrary, type RingLibrary } from "./symbols.ts";

/** How often in a row the kernel may take nothing, 10 ms apart, before it counts as broken. */
const stallsMax = 100;
const stallMs = 10;
/**
 * How long a cancelled operation gets before it is cancelled again: a chain may have begun its next link
 * meanwhile.
 */
const cancelAgainMs = 20;

/** Every open ring: one that is forgotten still must not lose the memory that the kernel writes to. */
const open = new Set<Ring>();

/**
 * A ring and everything that the kernel may touch on its behalf. Dispose of it before its Worker is
 * terminated: that frees memory without asking the kernel.
 */
export class Ring extends SubmissionQueue implements Disposable {
  readonly #library: RingLibrary;
  /** Holds `struct io_uring`: reachable as long as the ring is. */
  readonly #control: DataView<ArrayBuffer>;
  readonly #ring: Deno.PointerObject;
  readonly #waitArgument: Deno.PointerObject;
  readonly #fd: number;
  readonly #supported: readonly boolean[];
  readonly #pinned = new Set<object>();
  #completions: CompletionQueue | undefined;
  /** The ring's own operations: claimed, and submitted but not reaped. */
  #internalPrepared = 0;
  #internal = 0;
  /** Completions that the wait under way asks the kernel for, the ring's own among them; 0 without a wait. */
  #waitedFor = 0;
  #closed = false;

  private constructor(setup: RingSetup) {
    const { control, controlAddress } = setup;
    super(control, setup.entries);
    this.#library = setup.library;
    this.#control = control;
    this.#ring = pointerTo(controlAddress + BigInt(controlAt.ring));
    this.#waitArgument = pointerTo(controlAddress + BigInt(controlAt.waitArgument));
    const timespecAddress = controlAddress + BigInt(controlAt.timespec);
    control.setBigUint64(controlAt.waitArgument + ioUringGetEventsArg.timespec, timespecAddress, true);
    this.#fd = control.getInt32(ioUring.ringFd, true);
    this.#supported = setup.supported;
    this.#completions = new CompletionQueue(control, setup.completions);
  }

  /**
   * Makes a ring for so many operations at a time: 1 to 4096, rounded up to a power of two.
   * @throws RcopyError `engine-unavailable`, saying why there is none
   */
  static open(entries: number): Ring {
    const ring = new Ring(setUpRing(entries));
    open.add(ring);
    return ring;
  }

  /** Whether the running kernel has an operation. */
  supports(operation: Operation): boolean {
    return this.#supported[opcode[operation]] ?? false;
  }

  /** Keeps an object reachable for as long as the ring lives: memory that many operations point at. */
  pin(object: object): void {
    this.#pinned.add(object);
  }

  /** Memory of `size` bytes at a fixed address, pinned. */
  scratch(size: number): Scratch {
    const scratch = new Scratch(size);
    this.pin(scratch);
    return scratch;
  }

  /**
   * Hands everything that was claimed to the kernel.
   * @throws RcopyError `io` if the kernel takes none of them; they stay claimed
   */
  submit(): void {
    const { io_uring_submit } = this.#library.liburing;
    const queue = this.#queue;
    let stalls = 0;
    while (this.prepared > 0) {
      queue.publish();
      this.flush();
      const result = io_uring_submit(this.#ring);
      if (result > 0) {
        this.#taken(result);
        stalls = 0;
      } else if (result !== -errno.intr) {
        stalls += 1;
        const passing = result === 0 || result === -errno.again || result === -errno.busy;
        if (!passing || stalls > stallsMax) throw submitFailed(-result);
        this.#pause(stallMs);
      }
    }
  }

  /**
   * Tells of every completion that is ready. The callback may claim and submit; completions of what it
   * submits are told too, where they are ready at once.
   */
  reap(on: OnCompletion): void {
    const queue = this.#queue;
    let passed = 0;
    try {
      while (!this.#closed && queue.ready > 0) {
        const at = queue.at;
        const words = queue.words;
        const token = words[at]! >>> 0;
        const internal = words[at + 1] !== 0;
        const result = words[at + 2]!;
        queue.advance();
        passed += 1;
        if (internal) {
          this.#internal -= 1;
          continue;
        }
        this.settled();
        on(token, result);
      }
    } finally {
      // The room goes back to the kernel with the next call; there is enough until then.
      if (passed > 0 && this.#waitedFor > 0 && !this.#closed) this.#releaseWaiter();
    }
  }

  /**
   * Submits, and resolves once `count` completions, at most all in flight, are ready: at once, without a
   * thread hop, where they are already. It resolves early when something is reaped or a signal arrives
   * meanwhile, so that its caller looks and waits again. One wait is under way at a time.
   * @throws RcopyError `io` as {@linkcode submit}
   */
  async wait(count = 1): Promise<void> {
    this.submit();
    const due = Math.min(count, this.inFlight);
    if (due <= this.#ready) return;
    assert(this.#waitedFor === 0, "one wait is under way at a time");
    this.#passWakeups();
    this.#waitedFor = due + this.#internal;
    try {
      this.#queue.publish();
      const call = this.#library.enter.enterAside;
      await call(enterSyscall, this.#fd, 0, this.#waitedFor, enterFlag.getEvents, null, 0n);
    } finally {
      this.#waitedFor = 0;
      if (this.#closed) this.#exit();
    }
  }

  /**
   * Cancels what is in flight, blocks until the kernel has let go of all of it, and ends the ring. What was
   * claimed and not submitted never happens. Results are lost, and with them the descriptors of opens: reap
   * opens before this. Twice is harmless.
   */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.retract();
    while (this.inFlight > 0) {
      this.#cancelAll();
      if (this.#ready === 0) this.#pause(cancelAgainMs);
      this.reap(ignore);
    }
    this.#closed = true;
    this.detach();
    // A wait that has not reached the kernel yet must find this very ring under its descriptor.
    if (this.#waitedFor === 0) this.#exit();
  }

  get #queue(): CompletionQueue {
    assert(!this.#closed && this.#completions !== undefined, "the ring is open");
    return this.#completions;
  }

  /** Completions of the user's that can be reaped now. */
  get #ready(): number {
    return Math.max(0, this.#queue.ready - this.#internal);
  }

  /** Takes note that the kernel has taken the first `count` entries; the ring's own are claimed last. */
  #taken(count: number): void {
    const left = this.prepared - count;
    const internal = Math.max(0, this.#internalPrepared - left);
    this.#internalPrepared -= internal;
    this.#internal += internal;
    this.consumed(count, internal);
  }

  /** Submits what the user has claimed, then `count` operations of the ring's own. */
  #submitInternal(encode: typeof encodeNop, count: number): void {
    this.submit();
    for (let claimed = 0; claimed < count; claimed += 1) {
      if (this.prepared === this.entries) this.submit();
      this.claimInternal(encode);
      this.#internalPrepared += 1;
    }
    this.submit();
  }

  /**
   * Asks for everything in flight to be cancelled. Each operation still completes: with -ECANCELED, -EINTR,
   * or as if nothing had been asked.
   */
  #cancelAll(): void {
    this.#submitInternal(encodeCancelAll, 1);
  }

  /** Takes the ring's own completions that stand first: no wait is under way that they could wake. */
  #passWakeups(): void {
    const queue = this.#queue;
    while (queue.ready > 0 && queue.words[queue.at + 1] !== 0) {
      queue.advance();
      this.#internal -= 1;
    }
  }

  /**
   * Wakes the wait under way, for completions that have been reaped in front of it. A wait that has not
   * reached the kernel yet will count from now on, so that as many completions must stand ready as it asks
   * for.
   */
  #releaseWaiter(): void {
    const missing = this.#waitedFor - this.#queue.ready;
    if (missing > 0) this.#submitInternal(encodeNop, missing);
  }

  /** Blocks until one more completion is ready, for `ms` at most. */
  #pause(ms: number): void {
    const queue = this.#queue;
    queue.publish();
    this.#control.setBigUint64(controlAt.timespec + kernelTimespec.nanoseconds, BigInt(ms * 1e6), true);
    const flags = enterFlag.getEvents | enterFlag.extendedArgument;
    const size = BigInt(ioUringGetEventsArg.size);
    this.#library.enter.enter(enterSyscall, this.#fd, 0, queue.ready + 1, flags, this.#waitArgument, size);
  }

  #exit(): void {
    assert(this.#completions?.overflowed === 0, "every completion found room");
    this.#completions = undefined;
    this.#library.liburing.io_uring_queue_exit(this.#ring);
    releaseRingLibrary();
    open.delete(this);
  }
}

function pointerTo(address: bigint): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.create(address);
  assert(pointer !== null, "an address is not null");
  return pointer;
}

function ignore(): void {}

function submitFailed(number: number): RcopyError {
  const reason = number === 0 ? "the kernel took nothing" : `${errnoName(number)} from io_uring_enter`;
  return new RcopyError("io", `cannot submit to io_uring: ${reason}`);
}
