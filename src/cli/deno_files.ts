/** Files that decide what a Deno runs that is started beside them, and whether a copy replaced them. */
import { showText } from "../base/show.ts";

const names = ["deno.json", "deno.jsonc", "package.json", "node_modules"];

/** Looks at such files of a directory before a copy goes there, and again afterwards. */
export class DenoFiles {
  readonly #folder: string;
  readonly #before: ReadonlyMap<string, string>;

  /** Looks for the first time; a folder that is absent or unreadable has none. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#before = look(folder);
  }

  /** A sentence for those that were there and have been replaced since; `undefined` if there is none. */
  warning(): string | undefined {
    const after = look(this.#folder);
    const replaced = [...this.#before].filter(([name, was]) => after.has(name) && after.get(name) !== was)
      .map(([name]) => name);
    if (replaced.length === 0) return undefined;
    const [has, obeys] = replaced.length === 1 ? ["has", "it"] : ["have", "them"];
    return `${replaced.join(" and ")} of "${showText(this.#folder)}" ${has} been replaced: ` +
      `a deno that is started there obeys ${obeys}, unless it is given --no-config`;
  }
}

/** Of each file that is there, what changes when it is replaced. */
function look(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  // Deno would ask a person for a permission that it was not given.
  if (Deno.permissions.querySync({ name: "read", path: folder }).state !== "granted") return found;
  for (const name of names) {
    try {
      const { ino, size, mtime } = Deno.lstatSync(`${folder}/${name}`);
      found.set(name, `${ino}:${size}:${mtime?.getTime()}`);
    } catch {
      // Absent, or not to be seen.
    }
  }
  return found;
}
