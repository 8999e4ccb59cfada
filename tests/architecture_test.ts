import { assertEquals, assertNotEquals } from "@std/assert";
import {
  breachesOf,
  circlesOf,
  crowdedFolders,
  type SourceText,
  unusedExports,
} from "./helpers/architecture.ts";

const root = new URL("../", import.meta.url);
const topLevel = [
  ".ci",
  ".github",
  ".gitignore",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "deno.json",
  "deno.lock",
  "ffi",
  "src",
  "tests",
  "wasm",
];
/** What users of the package import, and what tasks run. */
const entries = ["src/main.ts", "src/mod.ts"];
/** Not of the project: the repository itself, and what `.gitignore` names. */
const besides = [".git", "dist", "coverage"];

Deno.test("every file keeps to its floor and to the bans", () => {
  const breaches: string[] = [];
  let files = 0;
  for (const source of sources()) {
    files++;
    breaches.push(...breachesOf(source));
  }
  assertEquals(breaches, []);
  if (files < 50) throw new Error(`only ${files} files were looked at`);
});

Deno.test("no file imports itself by way of others", () => {
  assertEquals(circlesOf([...sources()]), []);
});

Deno.test("the checker finds a circle of two files, also by types and by lazy imports", () => {
  const ways = [`import { b } from "./b.ts";`, `import type { B } from "./b.ts";`, `await import("./b.ts");`];
  for (const way of ways) {
    const circle = [
      { path: "src/base/a.ts", text: way },
      { path: "src/base/b.ts", text: `export * from "./a.ts";` },
    ];
    assertEquals(circlesOf(circle), [
      "src/base/a.ts -> src/base/b.ts -> src/base/a.ts is a circle of imports",
    ]);
  }
});

Deno.test("the checker lets pass two ways to one file", () => {
  const diamond = [
    { path: "src/base/a.ts", text: `import "./b.ts"; import "./c.ts";` },
    { path: "src/base/b.ts", text: `import "./d.ts";` },
    { path: "src/base/c.ts", text: `import "./d.ts";` },
    { path: "src/base/d.ts", text: "" },
  ];
  assertEquals(circlesOf(diamond), []);
});

Deno.test("no folder has too many modules", () => {
  assertEquals(crowdedFolders([...sources()].map(({ path }) => path)), []);
});

Deno.test("the checker finds a folder with too many modules, and counts no tests", () => {
  const modules = (count: number, end: string) =>
    Array.from({ length: count }, (_, i) => `src/base/${i}${end}`);
  assertEquals(crowdedFolders([...modules(20, ".ts"), ...modules(20, "_test.ts")]), []);
  assertEquals(crowdedFolders(modules(21, ".ts")).length, 1);
});

Deno.test("no export is there for tests alone", () => {
  assertEquals(unusedExports([...sources()], entries), []);
});

Deno.test("the checker finds an export that only tests use", () => {
  const found = (user: SourceText, text = "export function f() {}") =>
    unusedExports([{ path: "src/base/a.ts", text }, user], []).length;
  assertEquals(found({ path: "src/base/a_test.ts", text: `import { f } from "./a.ts"; f();` }), 1);
  assertEquals(found({ path: "tests/b_test.ts", text: `import { f } from "../src/base/a.ts"; f();` }), 1);
  assertEquals(found({ path: "src/base/b.ts", text: `import { g } from "./a.ts"; g();` }), 1);
  assertEquals(found({ path: "src/base/b.ts", text: "" }, "export const f = 1, g = 2;"), 2);
  assertEquals(found({ path: "src/base/b.ts", text: "" }, `export { f } from "./c.ts";`), 1);
});

Deno.test("the checker lets pass every way of using an export", () => {
  const users = [
    `import { f } from "./a.ts";`,
    `import { f as g } from "./a.ts";`,
    `import * as a from "./a.ts";`,
    `export { f } from "./a.ts";`,
    `const { f } = await import("./a.ts");`,
    `(await import("./a.ts")).f();`,
    `let g: import("./a.ts").f;`,
  ];
  const module = { path: "src/base/a.ts", text: "export function f() {}" };
  for (const text of users) {
    assertEquals(unusedExports([module, { path: "src/base/b.ts", text }], ["src/base/b.ts"]), []);
  }
  assertEquals(unusedExports([{ path: "src/base/a.ts", text: "export function f() {} f();" }], []), []);
  assertEquals(unusedExports([module], ["src/base/a.ts"]), []);
});

Deno.test("the root of the project holds nothing that nobody agreed on", () => {
  const names = [...Deno.readDirSync(root)].map((entry) => entry.name).filter((name) =>
    !besides.includes(name)
  );
  assertEquals(names.filter((name) => !topLevel.includes(name) && !name.endsWith(".log")), []);
  assertEquals(topLevel.filter((name) => !names.includes(name)), []);
});

Deno.test("CONTRIBUTING.md gives a reason for every dependency, and for no other", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))) as {
    imports: Record<string, string>;
  };
  const used = new Set(
    Object.values(imports).map((target) => /^(?:npm|jsr):((?:@[^/]+\/)?[^@/]+)@/.exec(target)?.[1] ?? target),
  );
  const text = Deno.readTextFileSync(new URL(".github/CONTRIBUTING.md", root)).split("## Dependencies")[1] ??
    "";
  const explained = new Set([...text.matchAll(/^\| `([^`]+)` +\| \S.{19,}\|$/gm)].map(([, name]) => name!));
  assertEquals([...explained].sort(), [...used].sort());
});

Deno.test("the version of a package that src/ names is the one of deno.json", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))) as {
    imports: Record<string, string>;
  };
  const named = [...sources()].filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ text }) => [...text.matchAll(/ from "(npm:[^"]+)";$/gm)].map(([, specifier]) => specifier!));
  assertEquals(named.filter((specifier) => !Object.values(imports).includes(specifier)), []);
  assertNotEquals(named, []);
});

/** Snippets that must be found out, so that a checker that sees nothing fails here. */
const breaking: Record<string, SourceText> = {
  "an import that goes up": {
    path: "src/net/a.ts",
    text: `import { scan } from "../transfer/source/scan.ts";`,
  },
  "a package that only the import map knows": {
    path: "src/wire/a.ts",
    text: `import { Message } from "capnp-es";`,
  },
  "an import of the roof from the room below": {
    path: "src/transfer/send/a.ts",
    text: `import "../side.ts";`,
  },
  "an import of the mirror image": {
    path: "src/transfer/send/a.ts",
    text: `import type { Plan } from "../receive/plan.ts";`,
  },
  "an import of a neighbour": {
    path: "src/net/a.ts",
    text: `import type { Codec } from "../codec/codec.ts";`,
  },
  "an export that goes up": { path: "src/entry/a.ts", text: `export * from "../io/contract/engine.ts";` },
  "a lazy import that goes up": { path: "src/base/a.ts", text: `await import("../entry/metadata.ts");` },
  "a type import that goes up": {
    path: "src/wire/a.ts",
    text: `let e: import("../io/contract/engine.ts").Engine;`,
  },
  "an import that only the run decides": { path: "src/io/a.ts", text: "await import(name);" },
  "ffi used beside the engine": { path: "src/net/a.ts", text: `import { Ring } from "../../ffi/mod.ts";` },
  "ffi used by the other engine": { path: "src/io/deno/engine.ts", text: `import "../../../ffi/mod.ts";` },
  "wasm used beside the codec": { path: "src/transfer/a.ts", text: `import "../../wasm/mod.ts";` },
  "wasm used past its entry": { path: "src/codec/a.ts", text: `import "../../wasm/module.js";` },
  "ffi standing on an engine": { path: "ffi/a.ts", text: `import "../src/io/contract/engine.ts";` },
  "wasm standing on anything": { path: "wasm/a.ts", text: `import "../src/base/errors.ts";` },
  "the program imported by a command": { path: "src/cli/a.ts", text: `import "../main.ts";` },
  "a file on no floor": { path: "src/other/a.ts", text: `import "../base/errors.ts";` },
  "console below the command line": { path: "src/transfer/a.ts", text: `console.log("x");` },
  "console by another name": { path: "ffi/a.ts", text: `globalThis.console.error("x");` },
  "Deno.exit in a command": { path: "src/cli/a.ts", text: "Deno.exit(1);" },
  "Deno['exit']": { path: "src/cli/a.ts", text: `Deno["exit"](1);` },
  "Deno.dlopen in an engine": { path: "src/io/uring/engine.ts", text: `Deno.dlopen("liburing.so.2", {});` },
  "a Node module that every start would wait for": {
    path: "src/entry/name.ts",
    text: `import { basename } from "node:path";`,
  },
  "a web stream": { path: "src/net/a.ts", text: "await file.readable.pipeTo(conn.writable);" },
  "a web stream by type": { path: "src/transfer/a.ts", text: "let s: ReadableStream;" },
  "a file that is too long": { path: "src/base/a.ts", text: "\n".repeat(401) },
  "a function that is too long": {
    path: "src/base/a.ts",
    text: `function f() {\n${"  g();\n".repeat(59)}}`,
  },
  "a method that is too long": {
    path: "src/base/a.ts",
    text: `class A {\n  m() {\n${"    g();\n".repeat(59)}  }\n}`,
  },
  "an arrow function that is too long": {
    path: "src/base/a.ts",
    text: `const f = () => {\n${"  g();\n".repeat(59)}};`,
  },
  "a cast to EntryName": { path: "src/transfer/target/a.ts", text: "const n = bytes as EntryName;" },
  "a cast to EntryName by way of another type": {
    path: "src/io/deno/a.ts",
    text: "const n = bytes as Uint8Array as EntryName;",
  },
  "a cast to a list of EntryName": { path: "src/entry/a.ts", text: "const n = <EntryName[]> list;" },
  "unfinished work": { path: "src/base/a.ts", text: "// TODO: later" },
  "unfinished work in a test": { path: "tests/a_test.ts", text: "// a placeholder" },
};
for (const [what, source] of Object.entries(breaking)) {
  Deno.test(`the checker finds ${what}`, () => {
    if (breachesOf(source).length === 0) throw new Error(`nothing found in ${source.path}: ${source.text}`);
  });
}

/** Snippets that are right, so that a checker that objects to everything fails here. */
const right: SourceText[] = [
  {
    path: "src/transfer/send/a.ts",
    text: `import "../../net/channel.ts"; import "./plan.ts"; import "../source/scan.ts";`,
  },
  { path: "src/io/uring/a.ts", text: `import "../../../ffi/mod.ts"; import "../contract/engine.ts";` },
  { path: "src/codec/codec.ts", text: `import "../../wasm/mod.ts";` },
  { path: "src/mod.ts", text: `import "./transfer/serve.ts"; import "./net/dial.ts";` },
  { path: "src/main.ts", text: `import "./cli/program.ts"; Deno.exit(await run()); import "./mod.ts";` },
  { path: "src/cli/a.ts", text: `console.error("x"); import "../mod.ts"; process.stdin.readable;` },
  { path: "src/net/a.ts", text: `// console.log and ReadableStream in a comment\nconst s = "Deno.exit";` },
  { path: "src/io/a_test.ts", text: `import "../../tests/helpers/random.ts"; console.log(1);` },
  { path: "ffi/symbols.ts", text: `Deno.dlopen("liburing.so.2", {}); import "../src/base/errors.ts";` },
  { path: "src/base/a.ts", text: "\n".repeat(400) },
  { path: "src/base/a.ts", text: `function f() {\n${"  g();\n".repeat(58)}}` },
  { path: "src/entry/name.ts", text: "const n = bytes as EntryName;" },
  { path: "src/base/a_test.ts", text: "const n = bytes as EntryName;" },
];
for (const source of right) {
  Deno.test(`the checker lets pass what is right in ${source.path} (${source.text.trim().slice(0, 40)})`, () => {
    assertEquals(breachesOf(source), []);
  });
}

function* sources(folder = ""): Generator<SourceText> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    const path = folder + name;
    if (isDirectory && !(folder === "" && besides.includes(name))) yield* sources(`${path}/`);
    else if (/\.(ts|js|c|capnp)$/.test(name)) {
      yield { path, text: Deno.readTextFileSync(new URL(path, root)) };
    }
  }
}
