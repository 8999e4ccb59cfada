/** HOST:PATH on a command line, and the programs that reach it. Pure. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";

/** A path on a machine that ssh reaches. */
export interface RemotePath {
  /** HOST or USER@HOST, as ssh takes it: an IPv6 address without brackets. */
  destination: string;
  /** HOST alone. */
  host: string;
  /** As it was written; the home of that user where nothing was. */
  path: string;
}

/**
 * The path on another machine that a word names, as scp tells it: by a colon before any slash. `./a:b` and `:b` are here,
 * and so is what begins with the letter of a drive on Windows.
 * @throws {RcopyError} `usage` for a host that ssh would take for something else
 */
export function parseRemotePath(word: string, os = Deno.build.os): RemotePath | undefined {
  if (os === "windows" && /^[A-Za-z]:/.test(word)) return undefined;
  const pieces = inBrackets(word) ?? named(word);
  if (!pieces) return undefined;
  const { user, host, path } = pieces;
  // What begins with a dash would be an option, and no host or user has blanks or quotes.
  const isHost = !pieces.isBracketed ? /^\w[\w.-]*$/.test(host) : /^[0-9A-Fa-f:.]+(%[\w.-]+)?$/.test(host);
  const isUser = !/^-|[\s'"`$;&|<>()\\]/.test(user) && !word.startsWith("@");
  if (!isHost || !isUser) {
    throw new RcopyError(
      "usage",
      `"${showText(word)}" names another machine by the colon before any slash, but "${
        showText(word.slice(0, word.length - path.length - 1))
      }" is no [USER@]HOST; a path of this machine is written ./${showText(word)}`,
    );
  }
  return { destination: user === "" ? host : `${user}@${host}`, host, path };
}

interface Pieces {
  user: string;
  host: string;
  isBracketed: boolean;
  path: string;
}

/** [USER@][IPv6]:PATH */
function inBrackets(word: string): Pieces | undefined {
  const match = /^(?:([^/:[]*)@)?\[([^\]/]*)\]:(.*)$/s.exec(word);
  return match ? { user: match[1] ?? "", host: match[2]!, isBracketed: true, path: match[3]! } : undefined;
}

/** [USER@]HOST:PATH; what stands before the last @ is the user. */
function named(word: string): Pieces | undefined {
  const colon = word.indexOf(":");
  const slash = word.indexOf("/");
  if (colon < 1 || (slash >= 0 && slash < colon)) return undefined;
  const at = word.lastIndexOf("@", colon);
  const [user, host] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1, colon)];
  return { user, host, isBracketed: false, path: word.slice(colon + 1) };
}

/**
 * The path as an operand of the other end, where no name is taken for an option, a ticket or another machine. It starts in
 * the home of its user, so that `~/` is what stands before the rest anyway.
 */
export function remoteOperand(path: string): string {
  const inHome = path === "~" ? "" : path.startsWith("~/") ? path.slice(2).replace(/^\/+/, "") : path;
  if (inHome === "" || inHome === ".") return ".";
  return inHome.startsWith("/") ? inHome : `./${inHome}`;
}

/**
 * A program with arguments, as `--rsh` takes it: cut at blanks that stand outside of quotes.
 * @throws {RcopyError} `usage`
 */
export function commandWords(text: string): string[] {
  const words: string[] = [];
  let rest = text.trimStart();
  while (rest !== "") {
    const word = /^(?:[^\s'"]|'[^']*'|"[^"]*")+/.exec(rest)?.[0];
    if (word === undefined) {
      throw new RcopyError("usage", `a quote of the command ${showText(text)} is not closed`);
    }
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
    const after = rest.slice(word.length);
    if (/^['"]/.test(after)) {
      throw new RcopyError("usage", `a quote of the command ${showText(text)} is not closed`);
    }
    rest = after.trimStart();
  }
  if (words.length === 0) throw new RcopyError("usage", "a command is needed, as in ssh -p 2222");
  return words;
}
