/**
 * The one contract with the file system. Two engines keep it (`uring`, `deno`), and
 * one suite, `tests/contract/engine_contract.ts`, holds both to it.
 *
 * In words:
 * - **Batch-first.** A directory is listed in chunks, small files are read and created many to a call.
 * - **Directories are handles.** Every operation names a directory handle and one checked component
 *   ({@linkcode EntryName}); there are no paths except the root that a person typed. Handles are cheap:
 *   an engine keeps a bounded number of descriptors open behind them and reopens on demand, so that
 *   neither depth nor the number of handles costs descriptors.
 * - **Nothing is followed.** Only {@linkcode Engine.openRoot} follows symbolic links. A component that is a
 *   symbolic link where a directory or a file is expected is a `type-conflict`.
 * - **Nothing blocks on an odd entry.** Files are opened `O_NOFOLLOW|O_NONBLOCK` and must be regular.
 * - **Errors are typed.** Single operations throw {@linkcode RcopyError}; batches put the error of an
 *   entry beside that entry and go on with the next.
 * - **The caller owns the memory** and leaves it alone between the start of an operation and the end of its
 *   {@linkcode Pending}. `abort` paths finish their Pendings too.
 * - **Nothing is replaced unless it was looked at**, and nothing gets its final name before it is whole, except a file
 *   with the mode of an unfinished one (`unfinished.ts`) in a directory that the run has made itself.
 * - **What a file system does not keep is no failure**: chmod and utimes that are refused (EPERM, EOPNOTSUPP, ENOSYS) come
 *   back as {@linkcode Lacks}, and so does a mode that is dropped in silence (exFAT, NTFS, CIFS). Every close is looked at: a file server may say only then that it could not write.
 * - **Errors map the same way everywhere**: ENOENT `not-found`, EACCES/EPERM `not-permitted`, ENOSPC/EDQUOT
 *   `no-space`, EROFS `read-only`, ENOTDIR/EISDIR/ELOOP `type-conflict`, EEXIST/ENOTEMPTY `exists`, anything else
 *   `io`. A source file that is not any more what the listing said is `changed`, one that is gone is `vanished`.
 */
import type { Directories } from "./directories.ts";
import type { Lending } from "./lending.ts";
import type { Reading } from "./reading.ts";
import type { Room } from "./room.ts";
import type { Writing } from "./writing.ts";

export type * from "./directories.ts";
export { Lacks } from "./directories.ts";
export type * from "./found.ts";
export type * from "./lending.ts";
export type * from "./pending.ts";
export type * from "./reading.ts";
export type * from "./room.ts";
export type * from "./writing.ts";

/** The file system, as rcopy sees it. Disposing lets go of every descriptor. */
export interface Engine extends Directories, Reading, Writing, Lending, Room, Disposable {
  readonly kind: "uring" | "deno";
  /** Whether every byte of a name is kept. Else names must be UTF-8, others are `name-unrepresentable`. */
  readonly exactNames: boolean;
  /** Coarsest step, in nanoseconds, of the times that this engine reads and sets. */
  readonly mtimeResolutionNs: number;
}
