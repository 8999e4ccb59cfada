/** A ring, set up: the library loaded, the queues mapped, the kernel probed. */
import { assert, RcopyError } from "../src/base/errors.ts";
import { errno, errnoName } from "./errno.ts";
import { ioUringParams, ioUringProbe, probeSupported, ringFeature, setupFlag } from "./layout.ts";
import { acquireRingLibrary, releaseRingLibrary, type RingLibrary } from "./symbols.ts";

/** What {@linkcode setUpRing} has made. */
export interface RingSetup {
  readonly library: RingLibrary;
  /** Memory of the structs that the library and the kernel are given; {@linkcode controlAt} says where. */
  readonly control: DataView<ArrayBuffer>;
  readonly controlAddress: bigint;
  readonly entries: number;
  readonly completions: number;
  /** For each opcode, whether the running kernel has it. */
  readonly supported: readonly boolean[];
}

/** Places of the structs in {@linkcode RingSetup.control}, in bytes. `struct io_uring` has room to grow. */
export const controlAt = { ring: 0, params: 1024, waitArgument: 1280, timespec: 1312, probe: 1536 } as const;
const controlSize = 4096;
const probeOps = 256;

/**
 * Loads liburing and makes a ring for so many operations at a time, 1 to 4096, rounded up to a power of two.
 * @throws RcopyError `engine-unavailable`, saying what is missing
 */
export function setUpRing(entries: number): RingSetup {
  const library = loadLibrary();
  try {
    return initialise(library, entries);
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

function initialise(library: RingLibrary, wanted: number): RingSetup {
  const control = new DataView(new ArrayBuffer(controlSize));
  const controlAddress = Deno.UnsafePointer.value(Deno.UnsafePointer.of(control));
  const ring = Deno.UnsafePointer.create(controlAddress);
  const params = Deno.UnsafePointer.create(controlAddress + BigInt(controlAt.params));
  assert(Number.isInteger(wanted) && wanted >= 1 && wanted <= 4096, "a ring has 1 to 4096 entries");
  // Completions that can stand in the queue: as many as there are entries unreaped, as many reaped but not given back,
  // and twice as many of the ring's own.
  const completionSize = 4 * 2 ** Math.ceil(Math.log2(wanted));
  let result = -errno.inval;
  for (const flags of [setupFlag.completionSize | setupFlag.submitAll, setupFlag.completionSize]) {
    new Uint8Array(control.buffer).fill(0);
    control.setUint32(controlAt.params + ioUringParams.flags, flags, true);
    control.setUint32(controlAt.params + ioUringParams.cqEntries, completionSize, true);
    result = library.liburing.io_uring_queue_init_params(wanted, ring, params);
    if (result !== -errno.inval) break; // EINVAL: before Linux 5.18 there is no SUBMIT_ALL
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
      supported: probe(library, ring, control, controlAddress),
    };
  } catch (thrown) {
    library.liburing.io_uring_queue_exit(ring);
    throw thrown;
  }
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

function refused(call: string, number: number): RcopyError {
  const reason = setupReasons.get(number) ?? errnoName(number);
  return new RcopyError("engine-unavailable", `cannot use io_uring: ${reason} (from ${call})`);
}

const setupReasons = new Map<number, string>([
  [
    errno.perm,
    "the kernel refuses it: kernel.io_uring_disabled is set, or a container's profile forbids it (EPERM)",
  ],
  [errno.nosys, "the kernel has no io_uring (ENOSYS)"],
  [errno.nomem, "no memory may be locked for it: raise `ulimit -l` (ENOMEM)"],
  [errno.mfile, "too many open files: raise `ulimit -n` (EMFILE)"],
  [errno.inval, "the kernel does not know what the ring needs (EINVAL)"],
]);
