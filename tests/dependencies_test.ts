/** The packages that rcopy runs with, apart from those of tests and tasks: `src/deno.json` and its lock have them alone. */
import { existsSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";

/** What Deno locks of the packages of npm. */
interface Lock {
  specifiers: Record<string, string>;
  npm: Record<string, { integrity: string; dependencies?: string[]; optionalPeers?: string[] }>;
}

const root = new URL("../", import.meta.url);
const downloadBytesMax = 5_000_000;

function lockAt(path: string): Lock {
  return JSON.parse(Deno.readTextFileSync(new URL(path, root)));
}

Deno.test("src/deno.lock locks what src/ names, and nothing besides", () => {
  const named = new Set<string>();
  for (const text of sourcesOf(new URL("src/", root))) {
    for (const [, specifier] of text.matchAll(/from "(npm:(?:@[^/"]+\/)?[^/"]+)/g)) named.add(specifier!);
  }
  const { specifiers, npm } = lockAt("src/deno.lock");
  assertEquals(Object.keys(specifiers).sort(), [...named].sort());
  assertEquals(Object.keys(npm).length, named.size, "a package of rcopy brings others along");
});

Deno.test("both locks have the same bytes of what rcopy runs with", () => {
  const all = lockAt("deno.lock").npm;
  for (const [name, { integrity }] of Object.entries(lockAt("src/deno.lock").npm)) {
    // A package with peers has their versions behind its own.
    const [, found] = Object.entries(all).find(([key]) => key === name || key.startsWith(`${name}_`)) ?? [];
    assertEquals(found?.integrity, integrity, name);
  }
});

Deno.test("rcopy's first start fetches packages of less than 5 MB", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  let bytes = 0;
  for (const id of Object.keys(lockAt("src/deno.lock").npm)) {
    const at = id.lastIndexOf("@");
    const places = [...Deno.readDirSync(npmCache)]
      .map((registry) => `${npmCache}/${registry.name}/${id.slice(0, at)}/${id.slice(at + 1)}`)
      .filter((folder) => existsSync(folder));
    assert(places.length > 0, `${id} is not in ${npmCache}`);
    bytes += bytesBelow(places[0]!);
  }
  assert(bytes < downloadBytesMax, `${bytes} bytes`);
});

function* sourcesOf(folder: URL): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sourcesOf(new URL(`${name}/`, folder));
    else if (/\.ts$/.test(name) && !name.endsWith("_test.ts")) {
      yield Deno.readTextFileSync(new URL(name, folder));
    }
  }
}

function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    bytes += isDirectory ? bytesBelow(`${folder}/${name}`) : Deno.statSync(`${folder}/${name}`).size;
  }
  return bytes;
}
