/** Which operand of a command line is on another machine. What exists here is here, whatever its name. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { type Flags, offeringNames, type OptionName, placingNames } from "./options.ts";
import { parseRemotePath, type RemotePath } from "./remote_path.ts";
import { refuseRemoteOptions } from "./refusals.ts";

/** The operands of this machine, and the one of another. */
export interface Operands {
  here: string[];
  remote: RemotePath | undefined;
}

/** Options that have no meaning where ssh starts the other end, which is met by its ticket. */
const unmeant: readonly OptionName[] = [
  "address",
  "to",
  "listen",
  "insecure",
  "keep",
  "identity",
  "allow",
  "end-with-stdin",
];

/** Of `rcopy send`: the last one may be HOST:DEST. @throws {RcopyError} `usage` */
export function remoteDestination(paths: readonly string[], flags: Flags): Operands {
  const here = paths.slice(0, -1);
  requireHere(here, "HOST:DEST stands last, and there is one; HOST:PATH is fetched by rcopy receive");
  const last = paths.at(-1);
  const remote = last === undefined ? undefined : remotePathOf(last);
  if (!remote) {
    refuseRemoteOptions(flags);
    refusePlacing(flags);
    return { here: [...paths], remote };
  }
  requireMeant(flags, last!);
  if (flags.json && flags["dry-run"]) {
    throw new RcopyError(
      "usage",
      `--json does not go with --dry-run and "${showText(last!)}": the list comes from there as text`,
    );
  }
  return { here, remote };
}

/** Of `rcopy receive`: the first one may be HOST:PATH. @throws {RcopyError} `usage` */
export function remoteSource(args: readonly string[], flags: Flags): Operands {
  const [first, ...here] = args;
  requireHere(here, "HOST:PATH stands first, and there is one; to HOST:DEST goes rcopy send");
  const remote = first === undefined ? undefined : remotePathOf(first);
  if (!remote) {
    refuseRemoteOptions(flags);
    refuseOffering(flags);
    return { here: [...args], remote };
  }
  requireMeant(flags, first!);
  if (here.length > 1) {
    throw new RcopyError("usage", `receive takes one DEST and got ${here.length}; see rcopy receive --help`);
  }
  return { here, remote };
}

/** The path on another machine that a word names, unless it names something that is here. */
function remotePathOf(word: string): RemotePath | undefined {
  return isHere(word) ? undefined : parseRemotePath(word);
}

function isHere(path: string): boolean {
  if (!path.includes(":") || Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    return false;
  }
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A sender decides nothing about the destination but where it starts the receiver itself. */
function refusePlacing(flags: Flags): void {
  const name = placingNames.find((one) => flags[one] !== undefined);
  if (name === undefined) return;
  throw new RcopyError(
    "usage",
    `--${name} belongs to the receiver: give it to rcopy receive, or send to HOST:DEST, which passes it on`,
  );
}

/** A receiver decides nothing about the form of what comes but where it starts the sender itself. */
function refuseOffering(flags: Flags): void {
  const name = offeringNames.find((one) => flags[one] !== undefined);
  if (name === undefined) return;
  throw new RcopyError(
    "usage",
    `--${name} belongs to the sender: give it to rcopy send, or receive from HOST:PATH, which passes it on`,
  );
}

function requireHere(words: readonly string[], rule: string): void {
  const word = words.find((one) => remotePathOf(one));
  if (word === undefined) return;
  const shown = showText(word);
  throw new RcopyError(
    "usage",
    `"${shown}" names another machine: ${rule}; a path here is written ./${shown}`,
  );
}

function requireMeant(flags: Flags, word: string): void {
  const option = unmeant.find((name) => flags[name] !== undefined);
  const what = option !== undefined ? `--${option}` : flags.auth === "ssh" ? "--auth ssh" : undefined;
  if (what === undefined) return;
  const shown = showText(word);
  throw new RcopyError(
    "usage",
    `${what} does not go with "${shown}", where ssh starts the other end; leave it out, or write ./${shown} for a path here`,
  );
}
