/** The form of a ticket, for code that must tell it from other words. */

/** Whether a word is meant to be a ticket, a mistyped one too. */
export function looksLikeTicket(word: string): boolean {
  return /^rcopy\d[a-z0-9]{20,}$/i.test(word.trim());
}

/** So much of a ticket that it would give part of the secret away, in any text. */
const ticketInText = /rcopy1[a-z2-7]{8,}/gi;

/** Whether a text has a ticket in it, or a part of one. */
export function hasTicket(text: string): boolean {
  return text.search(ticketInText) >= 0;
}

/** The text with every ticket in it cut to its beginning. */
export function withoutTickets(text: string): string {
  return text.replace(ticketInText, "rcopy1…");
}
