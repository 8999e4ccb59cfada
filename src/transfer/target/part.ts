/** A large file under its temporary name. */
import { asRcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { randomTemporaryName, temporaryName } from "../../entry/temporary_name.ts";
import type { Directory, Engine, TargetFile } from "../../io/contract/engine.ts";
import type { HeldTarget } from "./tree.ts";

export interface Part {
  directory: Directory;
  /** Its temporary name. */
  name: EntryName;
  file: TargetFile;
}

/**
 * Creates the part of a file. What a run that has ended left of it is replaced; anything else under the temporary name is left
 * alone, and a random name taken. @throws {RcopyError} whatever the engine says
 */
export function createPart(engine: Engine, held: HeldTarget, options: { isDurable: boolean }): Part {
  const directory = held.directory.handle!;
  const { size, mode } = held;
  const create = (name: EntryName): Part | undefined => {
    try {
      return { directory, name, file: engine.createTarget(directory, name, { size, mode, ...options }) };
    } catch (thrown) {
      if (asRcopyError(thrown).code === "exists") return undefined;
      throw thrown;
    }
  };
  const name = temporaryName(held.name);
  const part = create(name) ?? (engine.removeUnfinished(directory, name, held) ? create(name) : undefined) ??
    create(randomTemporaryName());
  if (part) return part;
  const random = randomTemporaryName();
  return {
    directory,
    name: random,
    file: engine.createTarget(directory, random, { size, mode, ...options }),
  };
}

/** Gives a part that is finished its final name. @throws {RcopyError} */
export function placePart(engine: Engine, { directory, name }: Part, held: HeldTarget): void {
  engine.place(directory, name, held.name, held.replaces);
}

/** Removes a part that is closed. */
export function removePart(engine: Engine, { directory, name }: Part): void {
  try {
    engine.unlink(directory, name);
  } catch {
    // It is gone, or its directory cannot be written to any more: a later run that needs the name finds it.
  }
}
