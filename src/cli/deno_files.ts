/** Files that decide what a Deno runs that is started beside them, and whether a copy put them there. */
import { realPathOf } from "../base/real_path.ts";
import { showText } from "../base/show.ts";

const names = ["deno.json", "deno.jsonc", "package.json", "node_modules"];

/** Looks at such files of a directory before a copy goes there, and again afterwards. */
export class DenoFiles {
  readonly #folder: string;
  readonly #before: ReadonlyMap<string, string>;
  /** The current directory, where the next deno is likely to be started. */
  readonly #isCurrent: boolean;

  /** Looks for the first time; a folder that is absent or unreadable has none. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#before = look(folder);
    const real = realPathOf(folder);
    this.#isCurrent = real !== undefined && real === realPathOf(".");
  }

  /** A sentence for those that have been replaced since, or in the current directory made; `undefined` if there is none. */
  warning(): string | undefined {
    const after = look(this.#folder);
    const replaced = [...after].filter(([name, is]) =>
      this.#before.has(name) && this.#before.get(name) !== is
    );
    const made = this.#isCurrent ? [...after].filter(([name]) => !this.#before.has(name)) : [];
    const said = [this.#say(replaced, "replaced"), this.#say(made, "made")].filter((text) => text !== "");
    if (said.length === 0) return undefined;
    const obeys = replaced.length + made.length === 1 ? "it" : "them";
    return `${said.join(", ")}: a deno that is started there obeys ${obeys}, unless it is given --no-config`;
  }

  #say(files: readonly [string, string][], what: string): string {
    if (files.length === 0) return "";
    const names = files.map(([name]) => name).join(" and ");
    return `${names} of "${showText(this.#folder)}" ${files.length === 1 ? "has" : "have"} been ${what}`;
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
