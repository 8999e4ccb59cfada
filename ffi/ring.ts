/**
 * An io_uring. One turn of its use:
 *
 *  1. claim   an operation's method (`read`, `statx`, …) encodes it into the mapped submission ring
 *  2. submit  one synchronous call hands all of them to the kernel; many complete within it
 *  3. reap    completions are read from the mapped completion ring, without a call
 *  4. wait    only for what has not completed: blocking (`submitAndWait`), or beside the event loop (`wait`)
 *
 * Submitting happens on the isolate's own thread only: a thread that ends takes its requests with it.
 */
import { assert, RcopyError } from "../src/base/errors.ts";
import { CompletionQueue, type OnCompletion } from "./cqe.ts";
import { enterFlag, ioUring, ioUringGetEventsArg, kernelTimespec, ringErrno } from "./layout.ts";
import { Scratch } from "./scratch.ts";
import { controlAt, type RingOptions, type RingSetup, setUpRing } from "./setup.ts";
import { cancelFlag, encodeCancel, encodeNop, opcode, type Operation } from "./sqe.ts";
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

/** A wait that is under way in the kernel. */
interface Wait {
  /** Completions of the user's that it waits for, and how many that were in the queue with the ring's own. */
  readonly due: number;
  readonly wanted: number;
  done: Promise<void>;
}

/** Every open ring: one that is forgotten still must not lose the memory that the kernel writes to. */
const open = new Set<Ring>();

/**
 * A ring and everything that the kernel may touch on its behalf. Dispose of it before its Worker is
 * terminated: that frees memory without asking the kernel.
 */
export class Ring extends SubmissionQueue implements Disposable {
  /** How many slots of registered files there are. */
  readonly files: number;
  readonly #library: RingLibrary;
  /** Holds `struct io_uring`: reachable as long as the ring is. */
  readonly #control: DataView<ArrayBuffer>;
  readonly #ring: Deno.PointerObject;
  readonly #waitArgument: Deno.PointerObject;
  readonly #fd: number;
  readonly #supported: readonly boolean[];
  readonly #pinned = new Set<object>();
  readonly #kept = new Map<number, object>();
  #completions: CompletionQueue | undefined;
  /** The ring's own operations: claimed, and submitted but not reaped. */
  #internalPrepared = 0;
  #internal = 0;
  /** Calls that wait in the kernel or are on their way there. */
  readonly #waits = new Set<Wait>();
  #closed = false;

  private constructor(setup: RingSetup) {
    const { control, controlAddress } = setup;
    super(control, setup.entries);
    this.files = setup.files;
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
   * Makes a ring.
   * @throws RcopyError `engine-unavailable`, saying why there is none
   */
  static open(options: RingOptions = {}): Ring {
    const ring = new Ring(setUpRing(options));
    open.add(ring);
    return ring;
  }

  /** Whether the running kernel has an operation. */
  supports(operation: Operation): boolean {
    return this.#supported[opcode[operation]] ?? false;
  }

  /**
   * Puts a descriptor into a slot of the registered files, or empties the slot with -1; what was in it is
   * let go. The descriptor itself can be closed then.
   * @throws RcopyError `io` if there is no such slot or descriptor
   */
  registerFile(slot: number, fd: number): void {
    const files = new Int32Array(new ArrayBuffer(64), 0, 1).fill(fd);
    const result = this.#library.liburing.io_uring_register_files_update(this.#ring, slot, files, 1);
    if (result < 0) {
      throw new RcopyError("io", `cannot register descriptor ${fd}: errno ${-result} from io_uring_register`);
    }
  }

  /** Keeps an object reachable for as long as the ring lives: memory that many operations point at. */
  pin(object: object): void {
    this.#pinned.add(object);
  }

  /**
   * Keeps an object reachable until the completion of the operation with that token, unique meanwhile, is
   * reaped.
   */
  keep(token: number, object: object): void {
    const before = this.#kept.get(token);
    this.#kept.set(token, before === undefined ? object : [before, object]);
  }

  /** Memory of `size` bytes at a fixed address, pinned. */
  scratch(size: number): Scratch {
    const scratch = new Scratch(size);
    this.pin(scratch);
    return scratch;
  }

  /** Completions that can be reaped now. */
  get ready(): number {
    return Math.max(0, this.#queue.ready - this.#internal);
  }

  /** Completions of the ring's own that are under way or stand in the queue. */
  get wakeups(): number {
    return this.#internal;
  }

  /**
   * Hands everything that was claimed to the kernel.
   * @returns how many operations that was
   * @throws RcopyError `io` if the kernel takes none of them; they stay claimed
   */
  submit(): number {
    const count = this.prepared - this.#internalPrepared;
    if (this.prepared > 0) this.#enter(0);
    return count;
  }

  /**
   * The same, and blocks the thread until `count` completions, at most all there can be, are ready to be
   * reaped.
   * @throws RcopyError `io` as {@linkcode submit}
   */
  submitAndWait(count = 1): void {
    const due = Math.min(count, this.inFlight + this.prepared - this.#internalPrepared);
    if (due > this.ready) this.#enter(due);
    else this.submit();
  }

  /**
   * Tells of every completion that is ready. The callback may claim and submit; completions of what it
   * submits are told too, where they are ready at once.
   * @returns how many were told
   */
  reap(on: OnCompletion): number {
    const queue = this.#queue;
    let passed = 0;
    let told = 0;
    try {
      while (!this.#closed && queue.ready > 0) {
        const at = queue.at;
        const words = queue.words;
        const token = words[at]! >>> 0;
        const internal = words[at + 1] !== 0;
        const result = words[at + 2]!;
        const flags = words[at + 3]!;
        queue.advance();
        passed += 1;
        if (internal) {
          this.#internal -= 1;
          continue;
        }
        this.settled();
        if (this.#kept.size > 0) this.#kept.delete(token);
        told += 1;
        on(token, result, flags);
      }
    } finally {
      // The room goes back to the kernel with the next call; there is enough until then.
      if (passed > 0 && this.#waits.size > 0 && !this.#closed) this.#releaseWaiters();
    }
    return told;
  }

  /**
   * Submits, and resolves once `count` completions, at most all in flight, are ready: at once, without a
   * thread hop, where they are already. It resolves early when something is reaped or a signal arrives
   * meanwhile, so that its caller looks and waits again.
   * @throws RcopyError `io` as {@linkcode submit}
   */
  async wait(count = 1): Promise<void> {
    this.submit();
    const due = Math.min(count, this.inFlight);
    if (due <= this.ready) return;
    // One that is woken no later will do, and all are about to be once wake-ups stand in the queue. A wait beside them
    // would count those too, ask for more at the next wake-up, and so on without end.
    for (const wait of this.#waits) if (wait.due <= due || this.#internal > 0) return await wait.done;
    if (this.#waits.size === 0) this.#passWakeups();
    const wait: Wait = { due, wanted: due + this.#internal, done: Promise.resolve() };
    this.#waits.add(wait);
    wait.done = this.#wait(wait);
    await wait.done;
  }

  async #wait(wait: Wait): Promise<void> {
    try {
      this.#queue.publish();
      const call = this.#library.enter.enterAside;
      await call(enterSyscall, this.#fd, 0, wait.wanted, enterFlag.getEvents, null, 0n);
    } finally {
      this.#waits.delete(wait);
      if (this.#waits.size === 0 && this.#closed) this.#exit();
    }
  }

  /** Takes the ring's own completions that stand first, when nobody is there to be woken by them. */
  #passWakeups(): void {
    const queue = this.#queue;
    while (queue.ready > 0 && queue.words[queue.at + 1] !== 0) {
      queue.advance();
      this.#internal -= 1;
    }
  }

  /** Submits everything and blocks until nothing is in flight any more, telling of every completion. */
  drain(on: OnCompletion): void {
    while (this.inFlight + this.prepared > 0) {
      this.submitAndWait(this.entries);
      this.reap(on);
    }
  }

  /**
   * Asks for everything in flight to be cancelled. Each operation still completes: with -ECANCELED, -EINTR,
   * or as if nothing had been asked.
   */
  cancelAll(): void {
    if (this.prepared > 0) this.#enter(0);
    if (this.inFlight === 0) return;
    this.claimInternal((sqes, at) => encodeCancel(sqes, at, 0, 0, 0, cancelFlag.any | cancelFlag.all));
    this.#internalPrepared += 1;
    this.#enter(0);
  }

  /**
   * Cancels what is in flight, blocks until the kernel has let go of all of it, and ends the ring. What was
   * claimed and not submitted never happens. Results are lost, an open's descriptor too: whoever has opens in
   * flight drains first. Twice is harmless.
   */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.retract();
    while (this.inFlight > 0) {
      this.cancelAll();
      if (this.ready === 0) this.#pause(cancelAgainMs);
      this.reap(ignore);
    }
    this.#closed = true;
    this.detach();
    // A waiter that has not reached the kernel yet must find this very ring under its descriptor.
    if (this.#waits.size === 0) this.#exit();
  }

  get #queue(): CompletionQueue {
    assert(!this.#closed && this.#completions !== undefined, "the ring is open");
    return this.#completions;
  }

  /** Submits all that is claimed, and waits for `due` completions beside the ring's own. */
  #enter(due: number): void {
    const { io_uring_submit, io_uring_submit_and_wait } = this.#library.liburing;
    const queue = this.#queue;
    let stalls = 0;
    do {
      queue.publish();
      this.flush();
      const result = due === 0
        ? io_uring_submit(this.#ring)
        : io_uring_submit_and_wait(this.#ring, due + this.#internal + this.#internalPrepared);
      if (result > 0) {
        this.#taken(result);
        stalls = 0;
      } else if (result !== -ringErrno.intr && (this.prepared > 0 || result < 0)) {
        stalls += 1;
        const passing = result === 0 || result === -ringErrno.again || result === -ringErrno.busy;
        if (!passing || stalls > stallsMax) throw enterFailed(-result);
        this.#pause(stallMs);
      }
    } while (this.prepared > 0 || this.ready < due);
  }

  /** The ring's own operations are claimed last and submitted at once: they are the last to be taken. */
  #taken(count: number): void {
    const left = this.prepared - count;
    const internal = Math.max(0, this.#internalPrepared - left);
    this.#internalPrepared -= internal;
    this.#internal += internal;
    this.consumed(count, internal);
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

  /**
   * Wakes those who wait for completions that have been reaped in front of them. A waiter that has not
   * reached the kernel yet will count from now on, so that as many completions must stand ready as anybody
   * waits for.
   */
  #releaseWaiters(): void {
    let waitedFor = 0;
    for (const { wanted } of this.#waits) waitedFor = Math.max(waitedFor, wanted);
    const missing = waitedFor - this.#queue.ready;
    if (missing <= 0) return;
    if (this.prepared > 0) this.#enter(0);
    for (let count = 0; count < missing; count += 1) {
      this.claimInternal((sqes, at) => encodeNop(sqes, at, 0, 0));
    }
    this.#internalPrepared += missing;
    this.#enter(0);
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

function enterFailed(errno: number): RcopyError {
  const reason = errno === 0 ? "the kernel took nothing" : `errno ${errno} from io_uring_enter`;
  return new RcopyError("io", `cannot submit to io_uring: ${reason}`);
}
