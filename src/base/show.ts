/** Names and foreign text, made safe to print on a terminal or into a log. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Control (C0, DEL, C1), bidi and line-separating characters, none of which may reach a terminal. */
const unsafe = new RegExp(
  // C0, DEL and C1, then bidi and invisible characters, then the backslash that escapes.
  String.raw`[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\\`,
  "g",
);

function escapeCharacter(character: string): string {
  if (character === "\\") return "\\\\";
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === "\r") return "\\r";
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Text with every character that could act on a terminal escaped; a backslash is doubled, so that it can be undone. */
export function showText(text: string): string {
  return text.toWellFormed().replace(unsafe, escapeCharacter);
}

/** A name or path given as bytes, escaped; bytes that are not UTF-8 appear as `\xNN`. */
export function showName(name: Uint8Array): string {
  try {
    return showText(decoder.decode(name));
  } catch {
    let shown = "";
    for (const byte of name) {
      shown += byte < 0x80 ? showText(String.fromCharCode(byte)) : `\\x${byte.toString(16)}`;
    }
    return shown;
  }
}

/** A path in a message: quoted with a slash in it, or a word that begins with a slash. */
const pathInText = /(["'])(?:(?!\1).)*(?:\/|[A-Za-z]:\\)(?:(?!\1).)*\1|(?<![^\s(])\/[^\s"'),;:]+/gs;

/** A message for the peer, which is not told where things lie on this machine: it knows its entries by their numbers. */
export function textForPeer(message: string): string {
  return message.replace(pathInText, "a path there");
}

/** A name as text that can be printed as it is and typed again; `undefined` where it cannot, and for an empty one. */
export function printableName(name: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(name);
    return text !== "" && showText(text) === text.replaceAll("\\", "\\\\") ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Text that came from the peer: cut to 512 characters, escaped, and labelled as the peer's. */
export function showPeerText(text: string): string {
  return `peer says: ${showText(text.slice(0, 512))}`;
}
