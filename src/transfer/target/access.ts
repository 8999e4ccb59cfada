/**
 * Whether something can be made in a directory. A directory of ours whose own mode does not let us (0555, in module caches)
 * is lent every permission for its owner until it is complete.
 */
import { asRcopyError, type RcopyError } from "../../base/errors.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { RunJournal } from "./run_journal.ts";
import type { TargetDirectory } from "./tree.ts";

const everythingForOwner = 0o700;
const searchForOwner = 0o100;
const writeForOthers = 0o022;
/** Whose directories are nobody's work. */
const superUser = 0;

export class Access {
  readonly #engine: Engine;
  readonly #journal: RunJournal;
  readonly #changesNothing: boolean;

  /** With `dryRun` nothing is lent. */
  constructor(engine: Engine, journal: RunJournal, { dryRun }: { dryRun: boolean }) {
    this.#engine = engine;
    this.#journal = journal;
    this.#changesNothing = dryRun;
  }

  /** Why nothing can be made in a directory that was there before; it is lent what it lacks, if it is ours. */
  whyNotWritable(directory: TargetDirectory): RcopyError | undefined {
    directory.refusal ??= this.#ask(directory) ?? "none";
    return directory.refusal === "none" ? undefined : directory.refusal;
  }

  #ask(directory: TargetDirectory): RcopyError | undefined {
    if (directory.origin !== "existing") return undefined;
    const refusal = this.#engine.whyNotWritable(directory.handle!);
    if (refusal?.code !== "not-permitted" || !this.#mayLend(directory)) return refusal;
    return this.#lend(directory);
  }

  /** A directory that was there has been opened: without the right to search it nothing in it can be looked at. */
  opened(directory: TargetDirectory): void {
    if ((directory.found!.mode & searchForOwner) !== 0 || !this.#mayLend(directory)) return;
    if (this.#engine.whyNotWritable(directory.handle!)) this.#lend(directory);
  }

  #mayLend({ found, lentFrom }: TargetDirectory): boolean {
    const { user } = this.#engine;
    if (this.#changesNothing) return false;
    return found !== undefined && lentFrom === undefined && user >= 0 && found.owner === user &&
      (found.mode & everythingForOwner) !== everythingForOwner;
  }

  #lend(directory: TargetDirectory): RcopyError | undefined {
    const { special, mode } = directory.found!;
    const whole = special | mode;
    this.#journal.lent(directory, whole);
    try {
      this.#engine.setDirectoryMode(directory.handle!, whole | everythingForOwner);
      directory.lentFrom = whole;
      return undefined;
    } catch (thrown) {
      this.#journal.finished(directory);
      return asRcopyError(thrown);
    }
  }

  /** Gives a directory the mode back that it was found with. Throws nothing. */
  giveBack(directory: TargetDirectory): void {
    const { lentFrom } = directory;
    if (lentFrom === undefined) return;
    directory.lentFrom = undefined;
    try {
      this.#engine.setDirectoryMode(directory.handle!, lentFrom);
      this.#journal.finished(directory);
    } catch {
      // It is in the journal, for the next run.
    }
  }
}

/**
 * Whether others may put something into a directory: then a directory that was there under a name of the manifest may be
 * anybody's work, and gets no permission that it has not.
 */
export function isOpenToOthers({ found, mode, origin }: TargetDirectory, user: number): boolean {
  if (origin !== "existing" || !found) return (mode & writeForOthers) !== 0;
  const isOthers = user >= 0 && found.owner >= 0 && found.owner !== user && found.owner !== superUser;
  return isOthers || (found.mode & writeForOthers) !== 0;
}
