/** Metadata of an entry: kind, mode, size, times, and the identity of a file. */

/** Kind of an entry, as on the wire. Kinds above 3 exist on the sender only: they are skipped and listed. */
export const EntryKind = { file: 1, directory: 2, link: 3, fifo: 4, socket: 5, device: 6 } as const;
export type EntryKind = typeof EntryKind[keyof typeof EntryKind];

/** The words for people. */
export const kindNames = {
  [EntryKind.file]: "file",
  [EntryKind.directory]: "directory",
  [EntryKind.link]: "symbolic link",
  [EntryKind.fifo]: "FIFO",
  [EntryKind.socket]: "socket",
  [EntryKind.device]: "device",
} as const satisfies Record<EntryKind, string>;

/** The kind in the S_IFMT bits of a mode. */
export function kindOfMode(mode: number): EntryKind {
  switch (mode & 0o170000) {
    case 0o100000:
      return EntryKind.file;
    case 0o040000:
      return EntryKind.directory;
    case 0o120000:
      return EntryKind.link;
    case 0o010000:
      return EntryKind.fifo;
    case 0o140000:
      return EntryKind.socket;
    default:
      return EntryKind.device;
  }
}

/** A point in time with nanoseconds; `seconds` is negative before 1970, `nanos` is 0 to 999,999,999. */
export interface Timestamp {
  seconds: number;
  nanos: number;
}

/** Metadata of one entry. */
export interface Metadata {
  kind: EntryKind;
  /** Permission bits, 0 to 0o777. */
  mode: number;
  /** Bytes of content; 0 for anything but a file. */
  size: number;
  mtime: Timestamp;
}

/** Identity and state of a file: equal values before and after a read mean that it did not change between. */
export interface FileIdentity {
  device: number;
  /** Inode number, exact beyond 2^53. */
  inode: bigint;
  size: number;
  mtime: Timestamp;
  /** Change time in nanoseconds since 1970, or 0n where it is not known (then it is not compared). */
  ctimeNs: bigint;
}
