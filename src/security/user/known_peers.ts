/** `known_peers`: the keys that a person accepted, each pinned to the HOST:PORT where it was met. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { type PeerAddress, showAddress } from "../../net/address.ts";
import { isSameKey, publicKeyIn, showSshKey, type SshPublicKey } from "../ssh/key.ts";
import { type FileReading, readTrustedFile } from "./trusted_file.ts";

/** A line of the file that is about a peer. */
export interface Pin {
  /** From 1. */
  line: number;
  /** `undefined` where the line is damaged: then it stands for no key, and still for a peer. */
  key: SshPublicKey | undefined;
}

const knownPeersBytesMax = 4 * 1024 * 1024;

/** How the file names a peer. */
export function peerName(address: PeerAddress): string {
  return showAddress(address).toLowerCase();
}

/** Where the file is; `undefined` without a home. */
export function knownPeersPath(
  places: { home?: string | undefined; configHome?: string | undefined },
): string | undefined {
  // As the XDG specification has it, a path that is not absolute counts as not given.
  if (places.configHome?.startsWith("/")) return `${places.configHome}/rcopy/known_peers`;
  return places.home === undefined ? undefined : `${places.home}/.config/rcopy/known_peers`;
}

/** The pins of a peer in the text of the file. */
export function pinsOf(text: string, peer: string): Pin[] {
  const pins: Pin[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const [name = "", ...rest] = line.trim().split(/[ \t]+/);
    if (name.toLowerCase() === peer) pins.push({ line: i + 1, key: publicKeyIn(rest.join(" ")) });
  }
  return pins;
}

/** Reads the file, if no user but its owner can have written it. */
export function readKnownPeers(path: string, uid: number | undefined): Promise<FileReading> {
  return readTrustedFile(path, {
    bytesMax: knownPeersBytesMax,
    uid,
    upTo: path.slice(0, path.lastIndexOf("/")),
  });
}

/**
 * Adds a pin, in a file that only its owner can read (0600, its folder 0700).
 * @throws {RcopyError} `refused` if it cannot be written, or another key is pinned there already
 */
export async function addPin(
  path: string,
  pin: { peer: string; key: SshPublicKey; uid: number | undefined },
): Promise<void> {
  const reading = await readKnownPeers(path, pin.uid);
  if (reading.state === "refused") throw new RcopyError("refused", reading.reason);
  const text = reading.state === "read" ? reading.text : "";
  const pins = pinsOf(text, pin.peer);
  if (pins.some(({ key }) => key === undefined || !isSameKey(key, pin.key))) {
    throw new RcopyError("refused", `${showText(path)} pins another key of ${showText(pin.peer)} already`);
  }
  if (pins.length > 0) return;
  const lead = text === "" || text.endsWith("\n") ? "" : "\n";
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    // One write at the end of the file: a line that another run adds at that moment is kept.
    using file = await Deno.open(path, { append: true, create: true, mode: 0o600 });
    const line = new TextEncoder().encode(`${lead}${pin.peer} ${showSshKey(pin.key)}\n`);
    for (let at = 0; at < line.length;) at += await file.write(line.subarray(at));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RcopyError("refused", `cannot pin the key in ${showText(path)}: ${reason}`, { cause });
  }
}
