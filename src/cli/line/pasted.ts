/** A printed line that was pasted where its ticket belongs: with its prompt, in quotes, wrapped over lines. Pure. */
import { decodeTicket } from "../../security/anchor/ticket.ts";
import { commandWords } from "./remote_path.ts";

/** Operands in which such a line stands for its ticket, and for DEST where none is named behind it. */
export function unpasted(operands: readonly string[]): string[] {
  const [first = "", ...rest] = operands;
  const isPrompt = /^[$#%>❯]?$|^rcopy$/.test(first) && operands.length > 1;
  const found = ticketAndDest(isPrompt ? operands.join(" ") : first);
  if (!found) return [...operands];
  const { ticket, dest } = found;
  if (isPrompt) return dest === undefined ? [ticket] : [ticket, dest];
  return rest.length > 0 || dest === undefined ? [ticket, ...rest] : [ticket, dest];
}

/** What stands in a text that has a ticket among other words; `undefined` where it is none, or nothing but one. */
function ticketAndDest(text: string): { ticket: string; dest: string | undefined } | undefined {
  if (/^\S*$/.test(text) && /^rcopy1/i.test(text)) return undefined;
  const begin = /rcopy1(?=[a-z2-7])/i.exec(text);
  if (!begin) return undefined;
  let at = begin.index + begin[0].length;
  let ticket = begin[0];
  // A wrapped ticket has blanks and line ends in it; its checksum says where it ends.
  for (const [, gap, part] of text.slice(at).matchAll(/(\s*)([a-z2-7]+)|[^]/gi)) {
    if (part === undefined) return undefined;
    at += gap!.length + part.length;
    ticket += part;
    if (isTicket(ticket)) return { ticket, dest: destIn(text.slice(at)) };
  }
  return undefined;
}

function isTicket(word: string): boolean {
  try {
    decodeTicket(word);
    return true;
  } catch {
    return false;
  }
}

/** The first word behind the ticket, without what quoted the whole line. */
function destIn(text: string): string | undefined {
  for (const cut of [text, text.replace(/['"`”’]\s*$/, "")]) {
    try {
      return commandWords(cut.replace(/^['"`”’]/, "").trim())[0];
    } catch {
      // A quote that belongs to the whole line, or nothing at all.
    }
  }
  return undefined;
}
