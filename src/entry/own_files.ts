/**
 * Files that rcopy keeps for itself in a destination. They are known by how they begin: what merely has such a name is an
 * entry like any other.
 */
const encoder = new TextEncoder();
const namePrefix = encoder.encode(".rcopy-run-");
const partPrefix = encoder.encode(".rcopy-");
const partSuffix = encoder.encode(".journal");
const runJournalHeader = encoder.encode("rcopy run journal 1\n");
const partJournalName = encoder.encode("rcopy part journal ");
/** How the journal of a large file begins: the number is the version of its format. */
export const partJournalHeader = encoder.encode("rcopy part journal 1");

/** The first bytes of such a file that must be looked at: all of them begin with so many. */
export const ownHeaderBytes = runJournalHeader.length;

/** The first byte of the name of any such file. */
export const ownNameStart = partPrefix[0]!;

/** The first line of a run journal. */
export function newRunJournal(): Uint8Array<ArrayBuffer> {
  return runJournalHeader.slice();
}

/** Whether a file has the name of such a file, and must be looked at. */
export function hasOwnName(name: Uint8Array): boolean {
  if (startsWith(name, namePrefix)) return true;
  return startsWith(name, partPrefix) && startsWith(name.subarray(-partSuffix.length), partSuffix);
}

/** Whether bytes begin as any of these files does. */
export function isOwnFile(start: Uint8Array): boolean {
  return isRunJournal(start) || startsWith(start, partJournalName);
}

/** Whether bytes can be what a loss of power left of the start of such a file: nothing, less, or zeros. */
export function isOwnFileCut(start: Uint8Array): boolean {
  return start.every((byte) => byte === 0) ||
    (start.length < ownHeaderBytes && startsWith(partJournalHeader, start));
}

/** Whether bytes begin as a run journal does. */
export function isRunJournal(start: Uint8Array): boolean {
  return startsWith(start, runJournalHeader);
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}
