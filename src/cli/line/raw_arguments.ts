/**
 * Arguments as the shell gave them. Deno reads them as UTF-8 and puts a replacement for any other byte, so that a path that
 * is not UTF-8 would be another one: nothing, or a new directory of a wrong name.
 */
import { RcopyError } from "../../base/errors.ts";
import { hasEveryPermission } from "../../base/permission.ts";
import { showName, showText } from "../../base/show.ts";

const replacement = "\ufffd";

/** Throws `usage` for an argument that Deno has changed. @param readLine gives what the system says the command line is */
export function checkArguments(
  argv: readonly string[],
  readLine: () => Uint8Array | undefined = commandLineOfSystem,
): void {
  if (!argv.some((argument) => argument.includes(replacement))) return;
  const line = readLine();
  if (!line && Deno.build.os === "linux") throw cannotTell(argv);
  const raw = splitAtZeros(line ?? new Uint8Array(0)).slice(-argv.length);
  for (const [i, argument] of argv.entries()) {
    // Where the argument really has that character, or names are Unicode anyway (macOS, Windows), it is taken as it is.
    if (!argument.includes(replacement) || !raw[i] || isUtf8(raw[i])) continue;
    throw new RcopyError(
      "usage",
      `cannot take the argument "${
        showName(raw[i])
      }": it is not UTF-8, and Deno gives such arguments on with other bytes; ` +
        "make a symbolic link to it that has a plain name, and give that, or give the directory that it is in",
    );
  }
}

/** The error where an argument may be another one than was typed: it must not be made, or taken, under another name. */
function cannotTell(argv: readonly string[]): RcopyError {
  const doubtful = argv.find((argument) => argument.includes(replacement))!;
  return new RcopyError(
    "usage",
    `cannot take the argument "${
      showText(doubtful)
    }": Deno puts the character U+FFFD where bytes are not UTF-8, and without ` +
      "--allow-all lets nobody see in /proc/self/cmdline what was typed; give another name, or --allow-all",
  );
}

function commandLineOfSystem(): Uint8Array | undefined {
  if (!hasEveryPermission()) return undefined;
  try {
    return Deno.readFileSync("/proc/self/cmdline");
  } catch {
    return undefined; // another system
  }
}

function splitAtZeros(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return parts;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
