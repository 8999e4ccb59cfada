/** From errno to rcopy's error codes. Numbers are those of Linux on x86-64 and aarch64 (asm-generic/errno*.h). */
import { type ErrorCode, RcopyError } from "../src/base/errors.ts";

const table: readonly (readonly [number, string, string, ErrorCode])[] = [
  [1, "EPERM", "operation not permitted", "not-permitted"],
  [2, "ENOENT", "there is no such file or directory", "not-found"],
  [4, "EINTR", "interrupted by a signal", "io"],
  [5, "EIO", "input/output error", "io"],
  [9, "EBADF", "bad descriptor", "internal"],
  [11, "EAGAIN", "not available at the moment", "io"],
  [12, "ENOMEM", "out of memory", "io"],
  [13, "EACCES", "permission denied", "not-permitted"],
  [14, "EFAULT", "bad address", "internal"],
  [16, "EBUSY", "in use", "io"],
  [17, "EEXIST", "it exists already", "exists"],
  [18, "EXDEV", "it leads to another file system or out of its directory", "io"],
  [20, "ENOTDIR", "not a directory", "type-conflict"],
  [21, "EISDIR", "it is a directory", "type-conflict"],
  [22, "EINVAL", "invalid argument", "io"],
  [23, "ENFILE", "too many open files on this machine", "io"],
  [24, "EMFILE", "too many open files in this process", "io"],
  [26, "ETXTBSY", "the program is running", "io"],
  [27, "EFBIG", "too large for the file system", "no-space"],
  [28, "ENOSPC", "no space left on the device", "no-space"],
  [30, "EROFS", "the file system is read-only", "read-only"],
  [31, "EMLINK", "too many links", "io"],
  [36, "ENAMETOOLONG", "the name is too long", "io"],
  [38, "ENOSYS", "the kernel does not have this call", "io"],
  [39, "ENOTEMPTY", "the directory is not empty", "exists"],
  [40, "ELOOP", "it is a symbolic link", "type-conflict"],
  [75, "EOVERFLOW", "too large", "io"],
  [84, "EILSEQ", "the file system cannot store such a name", "name-unrepresentable"],
  [95, "EOPNOTSUPP", "the file system cannot do this", "io"],
  [116, "ESTALE", "the file handle is stale", "io"],
  [122, "EDQUOT", "the quota is used up", "no-space"],
  [125, "ECANCELED", "cancelled", "io"],
];

const byNumber = new Map(table.map((row) => [row[0], row]));

/** Numbers that code compares with. */
export const errno = {
  noEntry: 2,
  interrupted: 4,
  io: 5,
  again: 11,
  access: 13,
  exists: 17,
  crossDevice: 18,
  notDirectory: 20,
  invalid: 22,
  manyFiles: 24,
  noSpace: 28,
  noSystemCall: 38,
  loop: 40,
  notSupported: 95,
} as const;

/**
 * The error of a call that failed.
 * @param what the action and its object, as in `cannot open "a/b"`
 * @param call the name of the call, as in `openat2`
 */
export function errnoError(number: number, what: string, call: string): RcopyError {
  const [, name = `errno ${number}`, reason = "the system refused", code = "io" as const] =
    byNumber.get(number) ?? [];
  return new RcopyError(code, `${what}: ${reason} (${name} from ${call})`, { errno: name });
}
