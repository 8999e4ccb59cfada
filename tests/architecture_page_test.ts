/** What `.github/ARCHITECTURE.md` names is there: files, folders, floors, and the bounds in their files. */
import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);
const page = await Deno.readTextFile(new URL(".github/ARCHITECTURE.md", root));

/** Places that paths of the page begin in. The last serve the pictures, where a heading names the folder. */
const places = ["src/", "", "src/transfer/", "src/transfer/send/", "src/transfer/receive/"];

function isThere(path: string): boolean {
  return places.some((place) => {
    try {
      return Deno.statSync(new URL(place + path, root)).isDirectory === path.endsWith("/");
    } catch {
      return false;
    }
  });
}

/** Files and folders that a text names. */
function pathsIn(text: string): string[] {
  return [
    ...text.matchAll(
      /(?<![\w./])(?:[.\w]+\/)*[\w.]+\.(?:ts|capnp|md|py|c)\b|(?<![\w./])(?:[.\w]+\/)+(?![\w.])/g,
    ),
  ]
    .map(([path]) => path);
}

Deno.test("every file and folder that the page names exists", () => {
  const paths = pathsIn(page).filter((path) =>
    !path.startsWith("../") && path !== "SECURITY.md" && path !== "PROTOCOL.md"
  );
  assert(paths.length > 100, `only ${paths.length} paths were found`);
  assertEquals([...new Set(paths)].filter((path) => !isThere(path)), []);
});

Deno.test("outside of pictures, a path begins in src/ or in the root", () => {
  const prose = page.replaceAll(/^```[^]*?^```$/gm, "");
  const short = [...prose.matchAll(/`([^`\s]+)`/g)].map(([, word]) => word!)
    .filter((word) => pathsIn(word)[0] === word && !places.slice(0, 2).some((place) => exists(place + word)));
  assertEquals(short.filter((word) => word !== "ffi/" && word !== "wasm/"), []);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, root));
    return true;
  } catch {
    return false;
  }
}

Deno.test("the floors of the page are those of the checker, and all of them", async () => {
  const checker = await Deno.readTextFile(new URL("tests/helpers/architecture.ts", root));
  const enforced = [...checker.matchAll(/^ {2}"(src\/[\w./]+)": (\d+),$/gm)].map(([, room, floor]) =>
    `${floor} ${room}`
  );
  const shown = [...page.matchAll(/^ *(\d+) {2}(src\/[\w./]+) /gm)].map(([, floor, room]) =>
    `${floor} ${room}`
  );
  assert(enforced.length > 20, "floors of the checker");
  assertEquals(shown.sort(), enforced.sort());
});

Deno.test("every bound that the page names is defined in the file beside it", async () => {
  const rows = [...page.matchAll(/^\| [^|]+ \| ((?:`\w+`[,; ]*)+) \| ((?:`[\w/.]+`[,; ]*)+) \|$/gm)];
  assert(rows.length >= 15, `${rows.length} rows`);
  for (const [, names, files] of rows) {
    const texts = await Promise.all(
      [...files!.matchAll(/`([^`]+)`/g)].map(([, path]) => Deno.readTextFile(new URL(`src/${path}`, root))),
    );
    for (const [, name] of names!.matchAll(/`(\w+)`/g)) {
      assert(texts.some((text) => new RegExp(`const ${name}\\b[^=]*=`).test(text)), `${name} in ${files}`);
    }
  }
});

Deno.test("the limits of files, functions and folders on the page are the checker's", async () => {
  const checker = await Deno.readTextFile(new URL("tests/helpers/architecture.ts", root));
  const words = page.replaceAll(/\s+/g, " ");
  const [, lines, functionLines, modules] =
    /at most (\d+) lines, functions have at most (\d+), a folder holds at most (\d+) modules/.exec(words) ??
      [];
  assert(checker.includes(`const linesMax = ${lines};`), `${lines} lines`);
  assert(
    checker.includes(`const functionLinesMax = ${functionLines};`),
    `${functionLines} lines of a function`,
  );
  assert(checker.includes(`const modulesMax = ${modules};`), `${modules} modules`);
});

Deno.test("every test that the promises of security and the table of hostile peers name exists", async () => {
  const missing: string[] = [];
  for (const page of [".github/SECURITY.md", "tests/hostile/README.md"]) {
    const folder = page.slice(0, page.lastIndexOf("/") + 1);
    const text = await Deno.readTextFile(new URL(page, root));
    const names = [...text.matchAll(/`([\w./]+_test\.ts)`/g)].map(([, name]) => name!);
    assert(names.length > 10, `only ${names.length} tests were found in ${page}`);
    missing.push(
      ...names.filter((name) => !exists(name) && !exists(folder + name)).map((name) => `${page}: ${name}`),
    );
  }
  assertEquals(missing, []);
});
