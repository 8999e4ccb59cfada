/** The form of a ticket, for code that must tell it from other words. */

/** Whether a word is meant to be a ticket, a mistyped one too. */
export function looksLikeTicket(word: string): boolean {
  return /^rcopy\d[a-z0-9]{20,}$/i.test(word.trim());
}
