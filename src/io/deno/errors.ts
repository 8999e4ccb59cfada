/** From what Deno throws to rcopy's error codes. */
import { codeOfErrnoName } from "../../base/errno.ts";
import { asRcopyError, type ErrorCode, RcopyError } from "../../base/errors.ts";

/** Names of the error classes of Deno, for errors without an errno. */
const codeOfName: Readonly<Record<string, ErrorCode>> = {
  NotFound: "not-found",
  PermissionDenied: "not-permitted",
  AlreadyExists: "exists",
  NotADirectory: "type-conflict",
  IsADirectory: "type-conflict",
  FilesystemLoop: "type-conflict",
};

/** Says why in words for the errors that people meet. */
const reasonOfCode: Readonly<Partial<Record<ErrorCode, string>>> = {
  "not-found": "there is no such file or directory",
  "not-permitted": "permission denied",
  "no-space": "no space left on the device",
  "read-only": "the file system is read-only",
  "exists": "it exists already",
};

/** The error of a failed call; `what` is the action and its object, as in `cannot open "a"`. */
export function denoError(what: string, thrown: unknown): RcopyError {
  if (thrown instanceof RcopyError) return thrown;
  if (!(thrown instanceof Error)) return asRcopyError(thrown);
  if (thrown instanceof Deno.errors.NotCapable) {
    const flag = /--allow-[a-z]+/.exec(thrown.message)?.[0] ?? "the permission";
    return new RcopyError("not-permitted", `${what}: Deno was not given ${flag} for it`, { cause: thrown });
  }
  const errno = errnoNameOf(thrown);
  const known = errno === undefined ? undefined : codeOfErrnoName(errno);
  const code = known ?? codeOfName[thrown.name] ??
    (isFileError(thrown) ? "io" : "internal");
  const reason = reasonOfCode[code] ??
    thrown.message.split(/[,:] (?:\w+ )?'/)[0]!;
  return new RcopyError(
    code,
    `${what}: ${reason}`,
    errno === undefined ? { cause: thrown } : { cause: thrown, errno },
  );
}

/** Numbers of Linux for which Deno has no name. */
const nameOfNumber: ReadonlyMap<number, string> = new Map([
  [1, "EPERM"],
  [5, "EIO"],
  [22, "EINVAL"],
  [27, "EFBIG"],
  [31, "EMLINK"],
  [36, "ENAMETOOLONG"],
  [37, "ENOLCK"],
  [38, "ENOSYS"],
  [84, "EILSEQ"],
  [95, "EOPNOTSUPP"],
  [122, "EDQUOT"],
]);

/** The C name of the errno behind what Deno or its node:fs threw; `undefined` where there is none, or it is not known. */
export function errnoNameOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code } = thrown as { code?: unknown };
  if (code === "ENOTSUP") return "EOPNOTSUPP";
  if (typeof code === "string") return code;
  const number = Deno.build.os === "linux" ? /\(os error (\d+)\)/.exec(thrown.message)?.[1] : undefined;
  return number === undefined ? undefined : nameOfNumber.get(Number(number));
}

/** Whether the operating system refused, as opposed to a fault of the program. */
function isFileError(thrown: Error): boolean {
  return /os error \d+/.test(thrown.message) || thrown.name in Deno.errors ||
    "code" in thrown;
}
