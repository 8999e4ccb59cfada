/** Symbolic links of other users on the way to DEST: any of them could have been put there to lead elsewhere. */

/** Links that are followed, as many as Linux does. */
const linksMax = 40;

/** What the search needs to know; the system's unless told. */
export interface LinkFacts {
  uid: () => number | null;
  lstat: (path: string) => Pick<Deno.FileInfo, "isSymlink" | "uid">;
  readLink: (path: string) => string;
}

const system: LinkFacts = {
  uid: () => Deno.uid(),
  lstat: Deno.lstatSync,
  readLink: Deno.readLinkSync,
};

/**
 * The first symbolic link on the way to a path that belongs neither to root nor to this user; every component counts, also of
 * what links lead to. `undefined` where there is none, and where it cannot be known.
 */
export function foreignLinkOn(path: string, facts: LinkFacts = system): string | undefined {
  const user = facts.uid();
  const left = path.split("/").reverse();
  let walked = path.startsWith("/") ? "/" : "";
  for (let links = 0; left.length > 0;) {
    const component = left.pop()!;
    if (component === "" || component === ".") continue;
    const next = walked + component;
    const found = component === ".." ? undefined : lookAt(next, facts);
    if (!found?.isSymlink) {
      // What comes before ".." has been walked without its links, so that it is what the system makes of it.
      walked = `${next}/`;
      continue;
    }
    if (found.uid !== 0 && found.uid !== user) return next;
    if (links++ === linksMax) return undefined; // opening it says so
    const target = facts.readLink(next);
    left.push(...target.split("/").reverse());
    if (target.startsWith("/")) walked = "/";
  }
  return undefined;
}

/** What is there, if anything is, and Deno may look. */
function lookAt(path: string, { lstat }: LinkFacts): ReturnType<LinkFacts["lstat"]> | undefined {
  try {
    return lstat(path);
  } catch {
    return undefined;
  }
}
