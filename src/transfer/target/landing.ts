/** Where a copy lands: decided by DEST, by what the sender brings, and by what is there already. Pure. */
import { RcopyError } from "../../base/errors.ts";
import { basename, dirname } from "../../base/path.ts";
import { printableName, showName } from "../../base/show.ts";
import { type EntryName, parseEntryName } from "../../entry/name.ts";
import type { Form } from "../../wire/hello.ts";

/** What is at a path, links followed. */
export type Found = "nothing" | "directory" | "other";

/** What decides. */
export interface LandingRequest {
  /** DEST of the command line, if it has one. */
  dest: string | undefined;
  /** Of the sender's hello. */
  form: Form;
  name: Uint8Array;
  look: (path: string) => Found;
}

export interface Landing {
  /** The directory that what comes is put into. */
  directory: string;
  /** The name that the one file gets; `undefined` for its own. */
  rename: EntryName | undefined;
  /** The sender's name for it, where DEST was not given; it begins with `./`. */
  chosen: string | undefined;
}

/**
 * The contents of a directory land in DEST. One file lands in DEST if that is a directory or ends in a slash, else it
 * becomes DEST. Several entries land in DEST under their names. Without DEST it is `./NAME`, for several entries `.`.
 * @throws {RcopyError} `usage` where DEST must be given
 */
export function landingOf({ dest, form, name, look }: LandingRequest): Landing {
  const chosen = dest === undefined && form !== "several" ? `./${chosenName(name)}` : undefined;
  const path = dest ?? chosen ?? ".";
  const own = { directory: path, rename: undefined, chosen };
  if (form !== "file" || namesDirectory(path) || look(path) === "directory") return own;
  return {
    directory: dirname(path),
    rename: parseEntryName(new TextEncoder().encode(basename(path))),
    chosen,
  };
}

/** Whether a path can only be that of a directory. */
function namesDirectory(path: string): boolean {
  return /(^|[\/])\.{0,2}$/.test(path);
}

/** A name that a folder or file of this machine may get from the sender, as text. @throws {RcopyError} `usage` */
function chosenName(name: Uint8Array): string {
  const why = whyNotChosen(name);
  if (why === undefined) return printableName(name)!;
  throw new RcopyError(
    "usage",
    `what the sender sends ${why}, so that it does not say where it belongs; name a DEST behind the ticket`,
  );
}

function whyNotChosen(name: Uint8Array): string | undefined {
  if (name.length === 0) return "has no name";
  const shown = showName(name);
  const text = printableName(name);
  if (text === undefined) {
    return `is called "${shown}", which has characters that a terminal does not show`;
  }
  if (/^[.-]/.test(text)) {
    return `is called "${shown}", which begins with a ${text[0] === "." ? "dot" : "dash"}`;
  }
  return undefined;
}
