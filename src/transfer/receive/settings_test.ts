import { assertEquals } from "@std/assert";
import { parseEntryName } from "../../entry/name.ts";
import { TargetTree } from "../target/tree.ts";
import { findSettingsPlaces, SettingsGuard, type SettingsPlaces } from "./settings.ts";

const own: SettingsPlaces = { homes: ["/home/me"], folders: [] };
const ofRoot: SettingsPlaces = { homes: ["/", "/root", "/home/me"], folders: ["/etc"] };

/** Whose places, DEST, the path of an entry below it, whether it is settings. */
const cases: [SettingsPlaces, string, string, boolean][] = [
  [own, "/home/me", ".bashrc", true],
  [own, "/home/me", ".ssh", true],
  [own, "/home/me", ".ssh/authorized_keys", true],
  [own, "/home/me", "docs/.hidden", false],
  [own, "/home/me", "docs", false],
  [own, "/home/me/docs", ".bashrc", false],
  [own, "/home/me/.config", "app", true],
  [own, "/home/me/.config/app", "deep/file", true],
  [own, "/home", "me", false],
  [own, "/home", "me/.profile", true],
  [own, "/home", "you/.profile", false],
  [own, "/", "home/me/.profile", true],
  [own, "/", "etc/passwd", false],
  [own, "/home/me2", ".bashrc", false],
  [own, "/srv/me", ".bashrc", false],
  [ofRoot, "/", "etc/passwd", true],
  [ofRoot, "/", "etc", true],
  [ofRoot, "/etc", "cron.d/x", true],
  [ofRoot, "/", ".profile", true],
  [ofRoot, "/", "root/.ssh/authorized_keys", true],
  [ofRoot, "/root", ".bashrc", true],
  [ofRoot, "/home/me", ".bashrc", true],
  [ofRoot, "/", "usr/bin/x", false],
  [ofRoot, "/srv", ".htaccess", false],
];
for (const [places, dest, path, isSettings] of cases) {
  Deno.test(`SettingsGuard ${isSettings ? "holds" : "lets through"} ${path} in ${dest}${places === ofRoot ? ", as root" : ""}`, () => {
    const guard = new SettingsGuard(places, dest);
    const tree = new TargetTree(undefined, 0);
    const names = path.split("/").map((name) => parseEntryName(new TextEncoder().encode(name)));
    const last = names.pop()!;
    let directory = tree.root;
    for (const name of names) {
      directory = tree.announce({ parent: directory, name, mode: 0o755, mtime: { seconds: 0, nanos: 0 } });
    }
    assertEquals(guard.holds(directory, last), isSettings);
    if (isSettings) assertEquals(guard.isIdle, false);
  });
}

Deno.test("SettingsGuard has nothing to look at where no home is", () => {
  assertEquals(new SettingsGuard(own, "/srv/data").isIdle, true);
  assertEquals(new SettingsGuard(own, "/home/me/docs").isIdle, true);
  assertEquals(new SettingsGuard(own, "/home/me").isIdle, false);
});

Deno.test("findSettingsPlaces() has the home of this user, and as root those of all", () => {
  const { homes, folders } = findSettingsPlaces();
  const home = Deno.env.get("HOME");
  if (home) assertEquals(homes.includes(Deno.realPathSync(home)), true);
  assertEquals(folders, Deno.uid() === 0 ? ["/etc"] : []);
});
