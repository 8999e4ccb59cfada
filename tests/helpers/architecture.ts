/**
 * The rules of the house, as a checker: which file may import which, and what is banned where.
 * `.github/ARCHITECTURE.md` gives the reasons.
 */
import ts from "typescript";

/** A source file: its path from the root of the project, and its text. */
export interface SourceText {
  path: string;
  text: string;
}

/**
 * The rooms of `src/` by floor, and the two files that are rooms of their own. An import goes to a lower floor or stays
 * in its room; rooms on one floor do not know each other. A folder's own files are the roof over its subfolders.
 */
const floors: Record<string, number> = {
  "src/main.ts": 18,
  "src/cli": 17,
  "src/cli/remote": 16,
  "src/cli/line": 15,
  "src/cli/report": 14,
  "src/mod.ts": 13,
  "src/transfer": 12,
  "src/transfer/receive": 11,
  "src/transfer/send": 11,
  "src/transfer/supply": 10,
  "src/transfer/thread": 9,
  "src/transfer/target": 8,
  "src/transfer/source": 8,
  "src/transfer/lane": 8,
  "src/transfer/journal": 7,
  "src/transfer/session": 7,
  "src/meet": 6,
  "src/security/user": 5,
  "src/io": 5,
  "src/security/ssh": 4,
  "src/io/uring": 4,
  "src/io/deno": 4,
  "src/security/anchor": 3,
  "src/io/contract": 3,
  "src/codec": 3,
  "src/net": 3,
  "src/wire": 2,
  "src/entry": 1,
  "src/base": 0,
};
const linesMax = 400;
const functionLinesMax = 60;
/** Modules of one folder that rcopy runs; tests beside them do not count. */
const modulesMax = 20;
/** Made by a program; nobody reads them line by line. */
const generated = ["src/wire/schema.ts"];
/** Run by a task, never by rcopy: they may print and end the process as a task does. */
const buildScripts = ["wasm/build.ts", "src/wire/generate.ts"];
const dataPlane = ["src/transfer/", "src/meet/", "src/net/", "src/io/", "src/wire/", "src/codec/"];
/** Files of `rcopy doctor`, which no copy loads. */
const nodeUsers = ["src/cli/advice.ts", "src/cli/permissions.ts"];
const webStreams = [
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "pipeTo",
  "pipeThrough",
  "readable",
  "writable",
];
/** Words of work that is not done. In code, a placeholder is what the help shows for a value. */
const unfinished = /\b(TODO|FIXME|XXX|HACK|for now|simplified|not implemented)\b|(\/\/|\*).*\bplaceholder\b/i;

/** Every breach of the rules in one file, as sentences. */
export function breachesOf(source: SourceText): string[] {
  const breaches = [...textBreaches(source)];
  if (isTest(source.path) || buildScripts.includes(source.path) || !/\.(ts|js)$/.test(source.path)) {
    return breaches;
  }
  if (source.path.startsWith("wasm/assembly/")) return breaches;
  const tree = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node);
    if (specifier !== undefined) breaches.push(...importBreaches(source.path, specifier));
    breaches.push(
      ...bans(source.path, node),
      ...longFunction(source.path, node),
      ...nameCast(source.path, node),
    );
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return breaches;
}

/**
 * Every circle of imports among files that rcopy runs, lazy and type imports too, as sentences.
 * `sources` are all files of the project.
 */
export function circlesOf(sources: readonly SourceText[]): string[] {
  const imports = new Map<string, string[]>();
  for (const { path, text } of sources) {
    if (isTest(path) || !/\.(ts|js)$/.test(path)) continue;
    imports.set(path, localImports(path, text));
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path);
    if (at >= 0) circles.push(`${[...above.slice(at), path].join(" -> ")} is a circle of imports`);
    if (at >= 0 || done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...above, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}

/** The files of the project that a file imports, as paths from the root. */
function localImports(path: string, text: string): string[] {
  const targets: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node);
    if (specifier?.startsWith(".")) targets.push(pathOf(specifier, path));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return targets;
}

/** A relative import as a path from the root of the project. */
function pathOf(specifier: string, from: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function* textBreaches({ path, text }: SourceText): Generator<string> {
  if (generated.includes(path)) return;
  const lines = text.split("\n");
  if (lines.length - 1 > linesMax) {
    yield `${path} has ${lines.length - 1} lines; split it by noun (${linesMax} at most)`;
  }
  if (path === "tests/helpers/architecture.ts" || path === "tests/architecture_test.ts") return;
  for (const [index, line] of lines.entries()) {
    const word = unfinished.exec(line)?.[0];
    if (word !== undefined) yield `${path}:${index + 1} says "${word}"; finish it, or describe what is there`;
  }
}

/** The module that a node imports, by whatever syntax. */
function importedBy(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)
      ? node.moduleSpecifier.text
      : undefined;
  }
  if (
    ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) &&
    ts.isStringLiteral(node.argument.literal)
  ) {
    return node.argument.literal.text;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    return argument && ts.isStringLiteralLike(argument) ? argument.text : "";
  }
  return undefined;
}

function importBreaches(path: string, specifier: string): string[] {
  if (specifier === "") return [`${path} imports what only the run decides; name the module`];
  if (/^(node|npm|jsr):/.test(specifier)) return [];
  if (!specifier.startsWith(".")) {
    return [
      `${path} imports ${specifier}, for which the installed program has no import map: name it in full`,
    ];
  }
  const target = pathOf(specifier, path);
  const from = roomOf(path);
  const to = roomOf(target);
  if (from === to) return [];
  if (to === "ffi") {
    return from === "src/io/uring" ? [] : [`${path} imports ${target}: only src/io/uring/ may`];
  }
  if (to === "wasm") {
    if (from !== "src/codec") return [`${path} imports ${target}: only src/codec/ may`];
    return target === "wasm/mod.ts" ? [] : [`${path} imports ${target}: wasm/ has one entry, wasm/mod.ts`];
  }
  if (from === "ffi") {
    return to === "src/base" ? [] : [`${path} imports ${target}: ffi/ stands on src/base/ alone`];
  }
  if (from === "wasm") return [`${path} imports ${target}: wasm/ stands alone`];
  const [upper, lower] = [floors[from], floors[to]];
  if (upper === undefined) return [`${path} is on no floor`];
  if (lower === undefined) return [`${path} imports ${target}, which is on no floor`];
  return lower < upper
    ? []
    : [`${path} (floor ${upper}) imports ${target} (floor ${lower}): imports go down`];
}

/** The room that a file belongs to: its folder in `src/`, `ffi` or `wasm`; `src/main.ts` and `src/mod.ts` are their own. */
function roomOf(path: string): string {
  if (path in floors) return path;
  const folder = path.slice(0, path.lastIndexOf("/"));
  return folder.startsWith("src/") ? folder : folder.split("/")[0]!;
}

function bans(path: string, node: ts.Node): string[] {
  const line = () => node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const at = () => `${path}:${line()}`;
  if (
    ts.isIdentifier(node) && dataPlane.some((folder) => path.startsWith(folder)) &&
    webStreams.includes(node.text)
  ) {
    return [`${at()} uses ${node.text}: no WebStreams on the data plane`];
  }
  if (ts.isImportDeclaration(node) && !nodeUsers.includes(path)) {
    const specifier = importedBy(node) ?? "";
    return specifier.startsWith("node:")
      ? [
        `${at()} imports ${specifier} at start: Deno's Node layer takes 6 ms and more; import it when it is needed`,
      ]
      : [];
  }
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return [];
  const object = node.expression.getText();
  const member = ts.isPropertyAccessExpression(node) ? node.name.text : node.argumentExpression.getText();
  if (/^(globalThis\.)?console$/.test(object) && !path.startsWith("src/cli/")) {
    return [`${at()} prints: only src/cli/ talks to people`];
  }
  if (!/^(globalThis\.)?Deno$/.test(object)) return [];
  if (/^["']?exit["']?$/.test(member) && path !== "src/main.ts") {
    return [`${at()} ends the process: only src/main.ts may`];
  }
  if (/^["']?dlopen["']?$/.test(member) && roomOf(path) !== "ffi") {
    return [`${at()} loads a library: only ffi/ may`];
  }
  return [];
}

/** A function that nobody takes in at one look; comments and blank lines count. */
function longFunction(path: string, node: ts.Node): string[] {
  if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return [];
  const source = node.getSourceFile();
  const [first, last] = [node.getStart(), node.getEnd()].map((at) =>
    source.getLineAndCharacterOfPosition(at).line
  );
  const lines = last! - first! + 1;
  if (lines <= functionLinesMax) return [];
  return [`${path}:${first! + 1} is a function of ${lines} lines; cut it (${functionLinesMax} at most)`];
}

/** Only `src/entry/name.ts` makes an `EntryName`, since only there the bytes are checked. */
function nameCast(path: string, node: ts.Node): string[] {
  if (path === "src/entry/name.ts" || !(ts.isAsExpression(node) || ts.isTypeAssertionExpression(node))) {
    return [];
  }
  if (!/\bEntryName\b/.test(node.type.getText())) return [];
  const line = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
  return [`${path}:${line} casts to EntryName: parse the bytes, or copy a name, by src/entry/name.ts`];
}

/** Every folder of the program that has too many modules, as sentences. */
export function crowdedFolders(paths: readonly string[]): string[] {
  const modules = new Map<string, number>();
  for (const path of paths) {
    if (isTest(path) || !path.endsWith(".ts")) continue;
    const folder = path.slice(0, path.lastIndexOf("/"));
    modules.set(folder, (modules.get(folder) ?? 0) + 1);
  }
  return [...modules].filter(([, count]) => count > modulesMax).map(([folder, count]) =>
    `${folder} has ${count} modules; make rooms (${modulesMax} at most)`
  );
}

/**
 * Every export that the program itself does not use, neither in another file nor in its own, as sentences: what only tests
 * use is not part of rcopy. What `entries` export is for users of the package.
 */
export function unusedExports(sources: readonly SourceText[], entries: readonly string[]): string[] {
  const program = sources.filter(({ path }) =>
    !isTest(path) && /\.(ts|js)$/.test(path) && !path.startsWith("wasm/assembly/") && !path.endsWith(".d.ts")
  );
  const used = new Set<string>();
  for (const { path, text } of program) {
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    for (const [module, name] of usesIn(tree, path)) used.add(`${module}#${name}`);
  }
  const breaches: string[] = [];
  for (const { path, text } of program) {
    if (entries.includes(path) || generated.includes(path) || used.has(`${path}#*`)) continue;
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    for (const name of exportsOf(tree)) {
      if (!used.has(`${path}#${name}`) && mentions(tree, name) < 2) {
        breaches.push(`${path} exports ${name}, which nothing but tests uses`);
      }
    }
  }
  return breaches;
}

/** What a file takes of other files of the project: module and name, `*` where it takes all of a module. */
function usesIn(tree: ts.SourceFile, path: string): [module: string, name: string][] {
  const uses: [string, string][] = [];
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node);
    if (specifier?.startsWith(".")) {
      const module = pathOf(specifier, path);
      for (const name of namesTaken(node)) uses.push([module, name]);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return uses;
}

/** The names that an import or a re-export takes. */
function namesTaken(node: ts.Node): string[] {
  if (ts.isImportDeclaration(node)) {
    const bindings = node.importClause?.namedBindings;
    if (!bindings) return node.importClause?.name ? ["default"] : [];
    return ts.isNamespaceImport(bindings) ? ["*"] : bindings.elements.map(takenName);
  }
  if (ts.isExportDeclaration(node)) {
    const clause = node.exportClause;
    return clause && ts.isNamedExports(clause) ? clause.elements.map(takenName) : ["*"];
  }
  if (ts.isImportTypeNode(node)) return node.qualifier ? [node.qualifier.getText().split(".")[0]!] : ["*"];
  return namesOfLazyImport(node) ?? ["*"];
}

function takenName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (element.propertyName ?? element.name).text;
}

/** The names of `const { a, b } = await import("…")` and of `(await import("…")).a`. */
function namesOfLazyImport(call: ts.Node): string[] | undefined {
  let node = call.parent;
  while (ts.isAwaitExpression(node) || ts.isParenthesizedExpression(node)) node = node.parent;
  if (ts.isPropertyAccessExpression(node)) return [node.name.text];
  if (!ts.isVariableDeclaration(node) || !ts.isObjectBindingPattern(node.name)) return undefined;
  return node.name.elements.map((element) => (element.propertyName ?? element.name).getText());
}

/** How often a name stands in a file, its declaration included. */
function mentions(tree: ts.SourceFile, name: string): number {
  let count = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === name) count++;
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return count;
}

/** The names that a file exports, by declaration or from another file. */
function exportsOf(tree: ts.SourceFile): string[] {
  return tree.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      return clause && ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : [];
    }
    const isExported = ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    }
    const { name } = statement as ts.DeclarationStatement;
    return name ? [name.getText()] : [];
  });
}

function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.startsWith(".ci/") || path.endsWith("_test.ts");
}
