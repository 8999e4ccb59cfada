/**
 * Places that are remembered from one run to the next, as real paths in the user's own state, so that a person is not asked
 * about what rcopy has put there itself:
 *  unfinished  what a receive without DEST has begun under the sender's name and not finished
 *  received    directories that were empty when rcopy first received into them, or in which a person let it replace files
 */
import { dirname } from "../base/path.ts";

/** Paths that are remembered of a kind; the oldest go first. */
const pathsMax = 500;
const bytesMax = 1024 * 1024;

export class RememberedPlaces {
  readonly #file: string | undefined;

  /** `file`: where they are kept; nowhere if it is absent, or Deno does not let us use it. */
  constructor(file: string | undefined) {
    this.#file = file !== undefined && mayUse(file) ? file : undefined;
  }

  /** Those of a kind that this user has. */
  static of(kind: "unfinished" | "received"): RememberedPlaces {
    const folder = stateFolder();
    return new RememberedPlaces(folder === undefined ? undefined : `${folder}/rcopy/${kind}`);
  }

  has(path: string): boolean {
    return this.#read().includes(path);
  }

  add(path: string): void {
    this.#write([...this.#read().filter((one) => one !== path), path].slice(-pathsMax));
  }

  remove(path: string): void {
    const paths = this.#read();
    if (paths.includes(path)) this.#write(paths.filter((one) => one !== path));
  }

  #read(): string[] {
    if (this.#file === undefined) return [];
    try {
      if (Deno.statSync(this.#file).size > bytesMax) return [];
      const paths: unknown = JSON.parse(Deno.readTextFileSync(this.#file));
      return Array.isArray(paths) ? paths.filter((one) => typeof one === "string") : [];
    } catch {
      return []; // none yet, or not ours
    }
  }

  /** What cannot be kept is asked for again: no failure. */
  #write(paths: readonly string[]): void {
    const file = this.#file;
    if (file === undefined) return;
    const made = `${file}.${crypto.randomUUID()}`;
    try {
      Deno.mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(made, JSON.stringify(paths), { mode: 0o600, createNew: true });
      Deno.renameSync(made, file);
    } catch {
      // A state folder that cannot be written to.
    }
  }
}

function stateFolder(): string | undefined {
  const variable = (name: string) =>
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
      ? Deno.env.get(name)
      : undefined;
  const state = variable("XDG_STATE_HOME");
  if (state !== undefined && state.startsWith("/")) return state;
  const home = variable("HOME");
  return home === undefined || home === "" ? undefined : `${home}/.local/state`;
}

function mayUse(path: string): boolean {
  return (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path: dirname(path) }).state === "granted"
  );
}
