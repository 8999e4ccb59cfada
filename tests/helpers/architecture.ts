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

/** Folders of `src/` and the two files beside them, by floor. An import goes to a lower floor or stays in its folder. */
const floors: Record<string, number> = {
  "src/base": 0,
  "src/fs": 1,
  "src/wire": 1.5, // its decoder hands out names only as src/fs has checked them
  "src/io": 2,
  "src/codec": 2,
  "src/security": 2,
  "src/net": 3,
  "src/transfer": 4,
  "src/mod.ts": 4.5, // the library: what the command line stands on
  "src/cli": 5,
  "src/main.ts": 5.5,
};
const linesMax = 400;
/** Made by a program; nobody reads them line by line. */
const generated = ["src/wire/schema.ts"];
/** Run by a task, never by rcopy: they may print and end the process as a task does. */
const buildScripts = ["wasm/build.ts", "src/wire/generate.ts"];
const dataPlane = ["src/transfer", "src/net", "src/io", "src/wire", "src/codec"];
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
    breaches.push(...bans(source.path, node));
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return breaches;
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
  if (!specifier.startsWith(".")) return [];
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const from = houseOf(path);
  const to = houseOf(target);
  if (from === to) return [];
  if (to === "ffi") {
    return path.startsWith("src/io/uring") ? [] : [`${path} imports ${target}: only src/io/uring*.ts may`];
  }
  if (to === "wasm") {
    if (from !== "src/codec") return [`${path} imports ${target}: only src/codec/ may`];
    return target === "wasm/mod.ts" ? [] : [`${path} imports ${target}: wasm/ has one door, wasm/mod.ts`];
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

/** The folder that a file belongs to: `src/io`, `ffi`; for the two files of `src/` themselves, their path. */
function houseOf(path: string): string {
  const [first, second] = path.split("/");
  return first === "src" ? `src/${second}` : first!;
}

function bans(path: string, node: ts.Node): string[] {
  const line = () => node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const at = () => `${path}:${line()}`;
  if (ts.isIdentifier(node) && dataPlane.includes(houseOf(path)) && webStreams.includes(node.text)) {
    return [`${at()} uses ${node.text}: no WebStreams on the data plane`];
  }
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return [];
  const object = node.expression.getText();
  const member = ts.isPropertyAccessExpression(node) ? node.name.text : node.argumentExpression.getText();
  if (/^(globalThis\.)?console$/.test(object) && houseOf(path) !== "src/cli") {
    return [`${at()} prints: only src/cli/ talks to people`];
  }
  if (!/^(globalThis\.)?Deno$/.test(object)) return [];
  if (/^["']?exit["']?$/.test(member) && path !== "src/main.ts") {
    return [`${at()} ends the process: only src/main.ts may`];
  }
  if (/^["']?dlopen["']?$/.test(member) && houseOf(path) !== "ffi") {
    return [`${at()} loads a library: only ffi/ may`];
  }
  return [];
}

function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.endsWith("_test.ts");
}
