/**
 * What a copy must not write into unasked: the settings of a home, by which a sender could become a login. An entry is told
 * by its absolute path: names that begin with a dot directly in a home, and all that is below them; for root those of every
 * home, and all of `/etc`.
 */
import { realPathOf } from "../../base/real_path.ts";
import type { EntryName } from "../../entry/name.ts";
import type { TargetDirectory } from "../target/tree.ts";

/** Where settings are, as real paths. */
export interface SettingsPlaces {
  /** Directories in which names that begin with a dot are settings. */
  homes: readonly string[];
  /** Directories that are settings as a whole. */
  folders: readonly string[];
}

/** `free`: nothing below is settings. `settings`: everything is. A path: a home, or what leads to one. */
type Place = "free" | "settings" | { path: string };

export class SettingsGuard {
  readonly #places: SettingsPlaces;
  readonly #root: Place;
  readonly #known = new WeakMap<TargetDirectory, Place>();

  /** `root`: the real path of the destination. */
  constructor(places: SettingsPlaces, root: string) {
    this.#places = places;
    this.#root = this.#placeOf(root);
  }

  /** Whether nothing that lands there can be settings, so that no entry has to be looked at. */
  get isIdle(): boolean {
    return this.#root === "free";
  }

  /** Whether an entry would be settings, and is not taken unasked. */
  holds(directory: TargetDirectory, name: EntryName): boolean {
    return this.#below(this.#of(directory), name) === "settings";
  }

  #of(directory: TargetDirectory): Place {
    const { parent } = directory;
    if (!parent) return this.#root;
    let place = this.#known.get(directory);
    if (!place) this.#known.set(directory, place = this.#below(this.#of(parent), directory.name));
    return place;
  }

  #below(place: Place, name: EntryName): Place {
    if (typeof place === "string") return place;
    const { path } = place;
    return this.#placeOf(`${path === "/" ? "" : path}/${new TextDecoder().decode(name)}`);
  }

  #placeOf(path: string): Place {
    const { homes, folders } = this.#places;
    if (folders.some((folder) => isWithin(path, folder))) return "settings";
    if (homes.some((home) => path !== home && isWithin(path, home) && restOf(path, home).startsWith("."))) {
      return "settings";
    }
    return [...homes, ...folders].some((place) => isWithin(place, path)) ? { path } : "free";
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function restOf(path: string, folder: string): string {
  return path.slice(folder === "/" ? 1 : folder.length + 1);
}

/** The places of this machine and user, as far as Deno lets us look. */
export function findSettingsPlaces(): SettingsPlaces {
  const homes = [ownHome()];
  const folders: string[] = [];
  if (isRoot()) {
    homes.push("/", "/root", ...homesOfOthers());
    folders.push("/etc");
  }
  const real = homes.filter((home) => home !== undefined && home.startsWith("/")).map((home) =>
    realPathOf(home!) ?? home!.replace(/(.)\/+$/, "$1")
  );
  return { homes: [...new Set(real)], folders };
}

function ownHome(): string | undefined {
  const isReadable = Deno.permissions.querySync({ name: "env", variable: "HOME" }).state === "granted";
  return isReadable ? Deno.env.get("HOME") : undefined;
}

function isRoot(): boolean {
  if (Deno.build.os === "windows") return false;
  return Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted" && Deno.uid() === 0;
}

/** Homes of people, not of services: by the list of users, and what is in /home. */
function homesOfOthers(): string[] {
  const homes: string[] = [];
  if (Deno.permissions.querySync({ name: "read", path: "/etc/passwd" }).state === "granted") {
    try {
      for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
        const [, , uid, , , home] = line.split(":");
        const isPerson = Number(uid) === 0 || Number(uid) >= 1000 && Number(uid) < 65_534;
        if (isPerson && home !== undefined && home !== "") homes.push(home);
      }
    } catch {
      // There is no such list.
    }
  }
  if (Deno.permissions.querySync({ name: "read", path: "/home" }).state !== "granted") return homes;
  try {
    for (const { name, isDirectory } of Deno.readDirSync("/home")) {
      if (isDirectory) homes.push(`/home/${name}`);
    }
  } catch {
    // There is no such folder.
  }
  return homes;
}
