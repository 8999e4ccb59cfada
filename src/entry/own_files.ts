/**
 * Files that rcopy keeps for itself in a destination. They are known by how they begin: what merely has such a name is an
 * entry like any other.
 */
const encoder = new TextEncoder();
const namePrefix = encoder.encode(".rcopy-run-");
const runJournalHeader = encoder.encode("rcopy run journal 1\n");

/** The first bytes of such a file that must be looked at. */
export const ownHeaderBytes = runJournalHeader.length;

/** The first line of a run journal. */
export function newRunJournal(): Uint8Array<ArrayBuffer> {
  return runJournalHeader.slice();
}

/** Whether a file has the name of such a file, and must be looked at. */
export function hasOwnName(name: Uint8Array): boolean {
  return startsWith(name, namePrefix);
}

/** Whether bytes begin as a run journal does. */
export function isRunJournal(start: Uint8Array): boolean {
  return startsWith(start, runJournalHeader);
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}
