/**
 * Every bound of the protocol, in one place. Changing one of these breaks peers: they are part of
 * `PROTOCOL.md`. Bounds that only tune this implementation live beside what they tune.
 */

/** Bytes of the frame header. */
export const headerBytes = 16;
/** Bytes of the preamble that opens each connection. */
export const preambleBytes = 16;
/** Largest Cap'n Proto message of a control frame. */
export const controlMessageBytesMax = 256 * 1024;
/** Largest Cap'n Proto message of a data frame: room for the hashes of the largest bundle. */
export const dataMessageBytesMax = 20 * 1024;
/** Largest message before the peer is authenticated (hello, join). */
export const handshakeMessageBytesMax = 4096;
/** Largest content of a unit, and so of a piece of one; the grid of the extents. */
export const extentBytes = 4 * 1024 * 1024;
/** Most segments of one Cap'n Proto message. */
export const segmentsMax = 1;
/** Most entries of one manifest batch. */
export const batchEntriesMax = 4096;
/** Most directories that are announced and not complete: not closed, or with entries in them that are not settled. */
export const openDirectoriesMax = 65_536;
/** Most large files of which something has come and which are not settled. */
export const largeFilesMax = 256;
/** Most files of one bundle. */
export const bundleFilesMax = 1024;
/** Longest text of a symbolic link. */
export const linkTargetBytesMax = 4095;
/** Longest text of an error or of a peer's description of itself, in bytes of UTF-8. */
export const textBytesMax = 512;
/** Longest name in a failure report, in bytes: names that no entry may have are reported too. */
export const failureNameBytesMax = 1024;
/** Smallest manifest credit that a receiver may grant at first: one entry always fits into it. */
export const creditBytesMin = 16 * 1024;
/** Largest manifest credit that may be outstanding. */
export const creditBytesMax = 64 * 1024 * 1024;
/** Most data connections of a session. */
export const streamsMax = 32;
/** Data connections that a session may open in all, those that were lost among them: lane numbers are below this. */
export const lanesMax = 1024;
/** Bytes of a session number and of a lane's token. */
export const tokenBytes = 16;
/** Bytes of an XXH3-128 hash in canonical (big-endian) form. */
export const hashBytes = 16;
/** Bytes of the nonces of an authentication by signature. */
export const authNonceBytes = 32;
/** Bytes of a ticket's secret. */
export const authSecretBytes = 16;
/** Longest public key and longest signature of an authentication: RSA of 8,192 bits, whose signature holds the key too. */
export const authKeyBytesMax = 2304;
export const authSignatureBytesMax = 2304;
/** Bytes of the sender's stamp of a large file. */
export const stampBytes = 16;
/** Extents that one `Kept` tells of. */
export const keptExtentsMax = 8192;
/** Hashes of kept extents that the receiver may have told of files that are not settled: what the sender holds of them. */
export const keptHashesMax = 1024 * 1024;
/** The grid on which an older version of a large file is compared with the new one. */
export const blockBytes = 128 * 1024;
/** Blocks of a whole extent: as many as `Patch` has bits for. */
export const blocksPerExtent = extentBytes / blockBytes;
/** Extents whose blocks the receiver has told, and of which no content has come: what the sender holds of them, over all files. */
export const toldExtentsMax = 256;
/** Files of which one `Compared` says what came of them, of either kind. */
export const comparedEntriesMax = bundleFilesMax;
/** Largest size of a file, and end of a range: a safe integer. */
export const fileBytesMax = Number.MAX_SAFE_INTEGER;
/** How often a corrupt extent is asked for again. */
export const resendsMax = 3;
/** Most pings of an end that have no answer yet. */
export const pingsMax = 16;
/** Milliseconds from accept to a valid hello or join. */
export const handshakeMs = 10_000;
/** Milliseconds from the hello, or from an offer, to the join of the data connection that it has a token for. */
export const joinMs = 10_000;
/** Entries named by one settlement message. */
export const settlementEntriesMax = 4096;
