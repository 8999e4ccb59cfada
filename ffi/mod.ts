/** Native code, as the rest of rcopy may use it: io_uring. Importing it loads nothing; Ring.open does. */
export type { OnCompletion } from "./cqe.ts";
export * from "./layout.ts";
export { Ring } from "./ring.ts";
export { addressOf, Scratch } from "./scratch.ts";
export type { RingOptions } from "./setup.ts";
export { cancelFlag, fsyncDataOnly, noSlot, type Operation, sqeFlag } from "./sqe.ts";
export { codeOfErrno, errno, errnoError, errnoName } from "./errno.ts";
export { Libc, limitOfFiles, lockFlag, socketOption, statfs, timeOmit } from "./libc.ts";
