/** Words as one line for a shell. Pure. */

/**
 * Words as one line for a shell that is not known: sh, bash, zsh and fish read the same words in it, also where a person
 * pastes it. Backslashes stand outside of quotes, where all of them agree on what they mean; a `!` stands inside, where
 * nobody takes it for an earlier command.
 */
export function shellLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** As {@linkcode shellLine}, where a `~/` at the beginning of a word is the home of the user there. */
export function homeShellLine(words: readonly string[]): string {
  return words.map((word) =>
    word.startsWith("~/") ? `~/${word === "~/" ? "" : quote(word.slice(2))}` : quote(word)
  )
    .join(" ");
}

function quote(word: string): string {
  // An option's = is harmless; one at the beginning names a program to zsh.
  if (/^[\w@%+:,./-][\w@%+:,./=-]*$/.test(word)) return word;
  const pieces = word.match(/['\\]|[^'\\]+/g) ?? [""];
  return pieces.map((piece) => piece === "'" || piece === "\\" ? `\\${piece}` : `'${piece}'`).join("");
}
