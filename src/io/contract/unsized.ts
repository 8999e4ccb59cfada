/** Files that say another size than they have, as those of /proc do, and of some file systems of FUSE. */
import { RcopyError } from "../../base/errors.ts";

/** Bytes that such a file is asked for at a time: some of /proc refuse to give megabytes at once. */
export const unsizedReadBytes = 128 * 1024;

/** The error of such a file that does not end within the bytes that are read of it. */
export function tooLongError(shown: string, bytesMax: number): RcopyError {
  return new RcopyError(
    "io",
    `${shown} says another size than it has, and has more than ${bytesMax} bytes; copy it to a file first, and send that`,
  );
}
