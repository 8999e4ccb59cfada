/** The program as an ordinary user, who can read it wherever this one has put it. */
import type { RcopyOptions } from "./rcopy_process.ts";
import { shell } from "./test_folder.ts";

/** User and group number; no name belongs to them. */
export const otherUser = 1500;

/**
 * Starts the program as {@linkcode otherUser}, who may read what others may not (Deno and the program lie in homes), and write
 * only what modes let him. Needs root and `setpriv`.
 */
export async function asOtherUser(): Promise<RcopyOptions> {
  const capability = "+dac_read_search";
  return {
    within: [
      "setpriv",
      `--reuid=${otherUser}`,
      `--regid=${otherUser}`,
      "--clear-groups",
      `--inh-caps=${capability}`,
      `--ambient-caps=${capability}`,
    ],
    env: { DENO_DIR: await denoFolder() },
  };
}

let made: Promise<string> | undefined;
/** A folder for Deno, once a process, with the packages that rcopy runs with: without one of his own it would fetch them. */
function denoFolder(): Promise<string> {
  made ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "rcopy-deno-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
    const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
    await shell(
      'mkdir "$2/npm" && cd "$1" && cp -r --parents */@scure/base */capnp-es "$2/npm/" && chown -R "$3" "$2"',
      npmCache,
      folder,
      String(otherUser),
    );
    return folder;
  })();
  return made;
}
