/** Checks of a manifest batch: its columns agree, and every value is one that a file system can have. */
import { RcopyError } from "../base/errors.ts";
import { showName } from "../base/show.ts";
import { whyUnsafeName } from "../entry/name.ts";
import { EntryKind } from "../entry/metadata.ts";
import { readColumn } from "./column.ts";
import { batchEntriesMax, controlMessageBytesMax, fileBytesMax, linkTargetBytesMax } from "./limits.ts";
import type { Manifest } from "./messages.ts";
import type * as schema from "./schema.ts";

const nanosMax = 999_999_999;
const modeMax = 0o777;

/** The batch, as views of the message. @throws {RcopyError} `protocol`, `name-unsafe` */
export function decodeManifest(root: schema.Manifest): Manifest {
  const manifest: Manifest = {
    kind: "manifest",
    batch: root.batch,
    groupDirectories: readColumn(root.groupDirectories, "u32", batchEntriesMax),
    groupCounts: readColumn(root.groupCounts, "u32", batchEntriesMax),
    kinds: readColumn(root.kinds, "u8", batchEntriesMax),
    modes: readColumn(root.modes, "u16", batchEntriesMax),
    sizes: readColumn(root.sizes, "u64", batchEntriesMax),
    mtimeSeconds: readColumn(root.mtimeSeconds, "i64", batchEntriesMax),
    mtimeNanos: readColumn(root.mtimeNanos, "u32", batchEntriesMax),
    names: readColumn(root.names, "u8", controlMessageBytesMax),
    linkTargets: readColumn(root.linkTargets, "u8", controlMessageBytesMax),
    closed: readColumn(root.closed, "u32", controlMessageBytesMax / 4),
  };
  checkColumns(manifest);
  checkEntries(manifest);
  checkNames(manifest);
  checkLinkTargets(manifest);
  return manifest;
}

function refuse(manifest: Manifest, what: string): never {
  throw new RcopyError("protocol", `batch ${manifest.batch} of the manifest ${what}`);
}

function checkColumns(manifest: Manifest): void {
  const { kinds, modes, sizes, mtimeSeconds, mtimeNanos, groupDirectories, groupCounts } = manifest;
  const count = kinds.length;
  const lengths = [modes.length, sizes.length, mtimeSeconds.length, mtimeNanos.length];
  if (lengths.some((length) => length !== count) || groupDirectories.length !== groupCounts.length) {
    refuse(manifest, "has columns of different lengths");
  }
  let grouped = 0;
  for (const entries of groupCounts) {
    if (entries === 0) refuse(manifest, "has an empty group");
    grouped += entries;
  }
  if (grouped !== count) refuse(manifest, `has ${count} entries and groups of ${grouped}`);
}

function checkEntries(manifest: Manifest): void {
  const { kinds, modes, sizes, mtimeSeconds, mtimeNanos } = manifest;
  const sizeMax = BigInt(fileBytesMax);
  const secondsMax = BigInt(Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    if (kind < EntryKind.file || kind > EntryKind.link) refuse(manifest, `has an entry of kind ${kind}`);
    if (modes[i]! > modeMax) refuse(manifest, `has an entry of mode 0${modes[i]!.toString(8)}`);
    if (mtimeNanos[i]! > nanosMax) refuse(manifest, `has a time with ${mtimeNanos[i]} nanoseconds`);
    const seconds = mtimeSeconds[i]!;
    if (seconds > secondsMax || seconds < -secondsMax) refuse(manifest, `has a time of ${seconds} seconds`);
    const size = sizes[i]!;
    if (size > sizeMax) refuse(manifest, `has a file of ${size} bytes`);
    if (size !== 0n && kind !== EntryKind.file) refuse(manifest, "has a directory or link with a size");
  }
}

function checkNames(manifest: Manifest): void {
  const { names, kinds } = manifest;
  let start = 0;
  for (let i = 0; i < kinds.length; i++) {
    const end = names.indexOf(0, start);
    if (end < 0) refuse(manifest, `has fewer names than entries (${i} of ${kinds.length})`);
    const why = whyUnsafeName(names.subarray(start, end));
    if (why !== undefined) {
      const name = showName(names.subarray(start, Math.min(end, start + 80)));
      throw new RcopyError("name-unsafe", `refused name "${name}" from the peer: ${why}`);
    }
    start = end + 1;
  }
  if (start !== names.length) refuse(manifest, "has more names than entries");
}

function checkLinkTargets(manifest: Manifest): void {
  const { kinds, linkTargets } = manifest;
  let start = 0;
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] !== EntryKind.link) continue;
    const end = linkTargets.indexOf(0, start);
    if (end <= start || end - start > linkTargetBytesMax) {
      refuse(manifest, `has a link text of ${Math.max(end - start, 0)} bytes`);
    }
    start = end + 1;
  }
  if (start !== linkTargets.length) refuse(manifest, "has more link texts than links");
}
