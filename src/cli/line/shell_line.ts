/** Words as one line for a shell. Pure. */

/** For a person, who pastes it into the shell of this machine. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}

/**
 * Words as one line for a shell that is not known: sh, bash, zsh and fish read the same words in it. Backslashes stand
 * outside of quotes, where all of them agree on what they mean.
 */
export function remoteShellLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** As {@linkcode remoteShellLine}, where a `~/` at the beginning of a word is the home of the user there. */
export function homeShellLine(words: readonly string[]): string {
  return words.map((word) =>
    word.startsWith("~/") ? `~/${word === "~/" ? "" : quote(word.slice(2))}` : quote(word)
  )
    .join(" ");
}

function quote(word: string): string {
  if (/^[\w@%+:,./-]+$/.test(word)) return word;
  const pieces = word.match(/['\\]|[^'\\]+/g) ?? [""];
  return pieces.map((piece) => piece === "'" || piece === "\\" ? `\\${piece}` : `'${piece}'`).join("");
}
