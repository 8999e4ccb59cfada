/**
 * A ring, set up: the library loaded, the rings mapped, the registered files in place, the kernel probed.
 */
import { assert, RcopyError } from "../src/base/errors.ts";
import { ioUringParams, ioUringProbe, probeSupported, ringErrno, ringFeature, setupFlag } from "./layout.ts";
import { acquireRingLibrary, releaseRingLibrary, type RingLibrary } from "./symbols.ts";

/** Options of Ring.open. */
export interface RingOptions {
  /** How many operations can be in flight; rounded up to a power of two, 1 to 4096. 256 unless told. */
  entries?: number;
  /**
   * How many slots of registered files are wanted, at most 32768; 0 unless told. Where the limit on
   * descriptors allows fewer, there are fewer.
   */
  files?: number;
}

/** What {@linkcode setUpRing} has made. */
export interface RingSetup {
  readonly library: RingLibrary;
  /**
   * `struct io_uring` and the other structs that the library and the kernel are given; see {@linkcode
   * controlAt}.
   */
  readonly control: DataView<ArrayBuffer>;
  readonly controlAddress: bigint;
  readonly entries: number;
  readonly completions: number;
  readonly files: number;
  /** `IORING_FEAT_…`. */
  readonly features: number;
  /** For each opcode, whether the running kernel has it. */
  readonly supported: readonly boolean[];
}

/** Where the structs lie in {@linkcode RingSetup.control}. `struct io_uring` has room to grow. */
export const controlAt = { ring: 0, params: 1024, waitArgument: 1280, timespec: 1312, probe: 1536 } as const;
const controlSize = 4096;
const probeOps = 256;

/**
 * Loads liburing and makes a ring.
 * @throws RcopyError `engine-unavailable`, saying what is missing
 */
export function setUpRing(options: RingOptions): RingSetup {
  const library = loadLibrary();
  try {
    return initialise(library, options);
  } catch (thrown) {
    releaseRingLibrary();
    throw thrown;
  }
}

function loadLibrary(): RingLibrary {
  try {
    return acquireRingLibrary();
  } catch (cause) {
    const denied = cause instanceof Deno.errors.NotCapable;
    const reason = denied
      ? "there is no permission to call native code (run with --allow-ffi)"
      : "liburing.so.2 cannot be loaded (Debian, Ubuntu: apt install liburing2)";
    throw new RcopyError("engine-unavailable", `cannot use io_uring: ${reason}`, { cause });
  }
}

function initialise(library: RingLibrary, options: RingOptions): RingSetup {
  const control = new DataView(new ArrayBuffer(controlSize));
  const controlAddress = Deno.UnsafePointer.value(Deno.UnsafePointer.of(control));
  const ring = Deno.UnsafePointer.create(controlAddress);
  const params = Deno.UnsafePointer.create(controlAddress + BigInt(controlAt.params));
  const wanted = options.entries ?? 256;
  assert(Number.isInteger(wanted) && wanted >= 1 && wanted <= 4096, "a ring has 1 to 4096 entries");
  // As many completions can stand unreaped as there are entries, as many reaped but not given back, and as
  // many of the ring's own.
  const completionSize = 4 * 2 ** Math.ceil(Math.log2(wanted));
  let result = -ringErrno.inval;
  for (const flags of [setupFlag.completionSize | setupFlag.submitAll, setupFlag.completionSize]) {
    new Uint8Array(control.buffer).fill(0);
    control.setUint32(controlAt.params + ioUringParams.flags, flags, true);
    control.setUint32(controlAt.params + ioUringParams.cqEntries, completionSize, true);
    result = library.liburing.io_uring_queue_init_params(wanted, ring, params);
    if (result !== -ringErrno.inval) break; // EINVAL: before Linux 5.18 there is no SUBMIT_ALL
  }
  if (result < 0) throw refused("io_uring_setup", -result);
  try {
    const features = control.getUint32(controlAt.params + ioUringParams.features, true);
    if ((features & ringFeature.linkedFile) === 0) {
      throw new RcopyError("engine-unavailable", "cannot use io_uring: the kernel is older than Linux 5.17");
    }
    return {
      library,
      control,
      controlAddress,
      entries: control.getUint32(controlAt.params + ioUringParams.sqEntries, true),
      completions: control.getUint32(controlAt.params + ioUringParams.cqEntries, true),
      files: registerSparseFiles(library, ring, options.files ?? 0),
      features,
      supported: probe(library, ring, control, controlAddress),
    };
  } catch (thrown) {
    library.liburing.io_uring_queue_exit(ring);
    throw thrown;
  }
}

/** Registers `wanted` empty slots, or half as many until the limit on descriptors allows it. */
function registerSparseFiles(library: RingLibrary, ring: Deno.PointerValue, wanted: number): number {
  for (let count = wanted; count > 0; count = Math.floor(count / 2)) {
    const empty = new Int32Array(new ArrayBuffer(Math.max(4 * count, 4096)), 0, count).fill(-1);
    const result = library.liburing.io_uring_register_files(ring, empty, count);
    if (result >= 0) return count;
    if (result !== -ringErrno.mfile) throw refused("io_uring_register", -result);
  }
  return 0;
}

function probe(
  library: RingLibrary,
  ring: Deno.PointerValue,
  control: DataView<ArrayBuffer>,
  controlAddress: bigint,
): boolean[] {
  const at = controlAt.probe;
  const pointer = Deno.UnsafePointer.create(controlAddress + BigInt(at));
  const result = library.liburing.io_uring_register_probe(ring, pointer, probeOps);
  if (result < 0) throw refused("io_uring_register", -result);
  const supported: boolean[] = [];
  for (let op = 0; op < control.getUint8(at + ioUringProbe.opsLength); op += 1) {
    const flagsAt = at + ioUringProbe.ops + op * ioUringProbe.opSize + ioUringProbe.opFlags;
    supported.push((control.getUint16(flagsAt, true) & probeSupported) !== 0);
  }
  return supported;
}

function refused(call: string, errno: number): RcopyError {
  const reason = setupReasons.get(errno) ?? `errno ${errno}`;
  return new RcopyError("engine-unavailable", `cannot use io_uring: ${reason} (from ${call})`);
}

const setupReasons = new Map<number, string>([
  [
    ringErrno.perm,
    "the kernel refuses it: kernel.io_uring_disabled is set, or a container's profile forbids it (EPERM)",
  ],
  [ringErrno.nosys, "the kernel has no io_uring (ENOSYS)"],
  [ringErrno.nomem, "no memory may be locked for it: raise `ulimit -l` (ENOMEM)"],
  [ringErrno.mfile, "too many open files: raise `ulimit -n` (EMFILE)"],
  [ringErrno.inval, "the kernel does not know what the ring needs (EINVAL)"],
]);
