/** What a ticket looks like, for those who must not take one for something else. */

/** Whether a word is meant to be a ticket, a mistyped one too. */
export function looksLikeTicket(word: string): boolean {
  return /^rcopy\d[a-z0-9]{20,}$/i.test(word.trim());
}
