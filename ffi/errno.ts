/** What the numbers in errno mean: their names, words for a person, and the code of the error they become. */
import { codeOfErrnoName } from "../src/base/errno.ts";
import { type ErrorCode, RcopyError } from "../src/base/errors.ts";

/** Error numbers that results are compared with (asm-generic/errno.h; the same on x86-64 and aarch64). */
export const errno = {
  perm: 1,
  noent: 2,
  intr: 4,
  again: 11,
  nomem: 12,
  busy: 16,
  exist: 17,
  xdev: 18,
  notdir: 20,
  isdir: 21,
  inval: 22,
  nfile: 23,
  mfile: 24,
  nospc: 28,
  rofs: 30,
  mlink: 31,
  nolck: 37,
  nosys: 38,
  notempty: 39,
  loop: 40,
  opnotsupp: 95,
} as const;

/** Names in the order of their numbers, from 1 on (asm-generic/errno-base.h, then errno.h); "" is unused. */
const names = (
  "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK " +
  "EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE " +
  "EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM " +
  "ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC " +
  "EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO " +
  "EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX " +
  "ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT " +
  "EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL " +
  "ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN " +
  "ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN " +
  "ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED " +
  "EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON"
).split(" ");

/** In words, for the errors that people meet. */
const reasons: Readonly<Record<string, string>> = {
  EPERM: "not permitted",
  ENOENT: "there is no such file or directory",
  EIO: "the device reports an error",
  EACCES: "permission denied",
  EBUSY: "it is in use",
  EEXIST: "it exists already",
  EXDEV: "it is on another file system, or leads out of its directory",
  ENOTDIR: "it is not a directory",
  EISDIR: "it is a directory",
  EINVAL: "the file system does not take it",
  ENFILE: "too many open files on this machine",
  EMFILE: "too many open files; raise `ulimit -n`",
  ETXTBSY: "it is a program that is running",
  EFBIG: "the file system does not take a file of this size",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
  EMLINK: "its directory has too many subdirectories",
  ENAMETOOLONG: "the file system does not take a name of this length",
  ENOTEMPTY: "the directory is not empty",
  ELOOP: "it is a symbolic link",
  EOPNOTSUPP: "the file system cannot do it",
  ESTALE: "the file server has forgotten it",
  EDQUOT: "the user's quota is exceeded",
};

/** The name of an error number ("ENOENT"). */
export function errnoName(number: number): string {
  const name = names[number - 1];
  return name === undefined || name === "-" ? `errno ${number}` : name;
}

/** The code that an error number becomes. */
export function codeOfErrno(number: number): ErrorCode {
  return codeOfErrnoName(errnoName(number)) ?? "io";
}

/**
 * The error of a failed call: `number` is the positive errno, `what` the action and its object (`cannot open
 * "a"`), `call` the name of the function that failed.
 */
export function errnoError(number: number, what: string, call: string): RcopyError {
  const name = errnoName(number);
  const reason = reasons[name];
  const message = reason === undefined
    ? `${what}: ${name} from ${call}`
    : `${what}: ${reason} (${name} from ${call})`;
  return new RcopyError(codeOfErrno(number), message, { errno: name });
}
