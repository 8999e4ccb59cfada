/** The effect of the umask, learnt without asking for it: Deno needs a permission for `Deno.umask`. */

/** Looks at the mode of the first file that is created with each wanted mode, and remembers whether it must be set. */
export class UmaskProbe {
  readonly #changes = new Map<number, boolean>();

  /** Whether a file that was just created with `mode` has another one. */
  changes(mode: number, file: Deno.FsFile): boolean {
    if (Deno.build.os === "windows") return false;
    const known = this.#changes.get(mode);
    if (known !== undefined) return known;
    const changes = ((file.statSync().mode ?? mode) & 0o777) !== mode;
    this.#changes.set(mode, changes);
    return changes;
  }
}
