/** Many small files, created whole; by libc, because io_uring hands every creating open to a thread. */
import { errnoError } from "../../../ffi/mod.ts";
import { asRcopyError } from "../../base/errors.ts";
import type { FileWrite } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { createFile } from "./file.ts";
import type { Memory } from "./memory.ts";

/** Creates all of them; what fails has its error, and leaves nothing behind. */
export function createFiles(
  calls: SystemCalls,
  directories: Directories,
  files: readonly FileWrite[],
  memory: Memory,
): void {
  for (const file of files) {
    try {
      create(calls, directories, file, memory);
    } catch (thrown) {
      file.error = asRcopyError(thrown);
    }
  }
}

function create(calls: SystemCalls, directories: Directories, file: FileWrite, content: Memory): void {
  const directory = file.directory as UringDirectory;
  const directoryFd = directories.fd(directory);
  const mode = file.mode & 0o777;
  const fd = createFile(calls, directoryFd, file.name, mode);
  if (fd < 0) throw errnoError(-fd, `cannot create ${directory.showEntry(file.name)}`, "openat");
  const { libc, memory } = calls;
  let call = "pwrite";
  let result = file.size > 0
    ? calls.writeAll(fd, content.subarray(file.offset, file.offset + file.size), 0)
    : 0;
  if (result >= 0) {
    call = "fchmod";
    result = setMode(calls, directory, fd, mode);
  }
  if (result >= 0) {
    call = "futimens";
    result = libc.futimens(fd, memory.putTimes(file.mtime));
  }
  // A file server may say only now that there was no room.
  const closed = libc.close(fd);
  if (result >= 0) {
    call = "close";
    result = closed;
  }
  if (result >= 0) return;
  libc.unlinkat(directoryFd, memory.putName(file.name), 0);
  throw errnoError(-result, `cannot write ${directory.showEntry(file.name)}`, call);
}

/**
 * Sets the mode, unless an earlier file of this directory had this mode right after its creation: umask and default ACL do not
 * change between the files of a directory.
 */
function setMode(calls: SystemCalls, directory: UringDirectory, fd: number, mode: number): number {
  if (directory.plainMode === mode) return 0;
  const result = calls.statFd(fd);
  if (result < 0) return result;
  if (calls.stat.mode !== mode) return calls.libc.fchmod(fd, mode);
  directory.plainMode = mode;
  return 0;
}
