/** Native code, as the io_uring engine uses it. Importing it loads nothing; Ring.open and Libc.open do. */
export { errno, errnoError, errnoName } from "./errno.ts";
export {
  atFlag,
  dirent64,
  fileAdvice,
  openFlag,
  renameFlag,
  resolveFlag,
  statx,
  statxMask,
  syncRangeFlag,
} from "./layout.ts";
export { Libc, limitOfFiles, lockFlag, mayMakeEntries, socketOption, statfs } from "./libc.ts";
export { Ring } from "./ring.ts";
export { addressOf, Scratch } from "./scratch.ts";
export { sqeFlag } from "./sqe.ts";
