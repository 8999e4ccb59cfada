/** What `find` and `sha256sum` say about a tree, and comparisons of that. Neither shares a line with rcopy. */

/** One entry, as text: names and link texts are bytes, one a character. */
export interface TreeRecord {
  path: string;
  /** As `find -printf %y`: f, d, l, p, s, c, b. */
  kind: string;
  /** Octal, set-id bits included. */
  mode: string;
  size: string;
  /** Seconds with ten digits after the point. */
  mtime: string;
  link: string;
  /** SHA-256 of a regular file; empty for anything else. */
  hash: string;
}

/** What a comparison leaves out. */
export interface TreeComparison {
  /** Times that differ by less than this many nanoseconds are equal; 1 by default. */
  mtimeStepNs?: number;
  /** Leave the times of symbolic links alone, which not every engine can set. */
  linkTimes?: boolean;
  /** Leave modes alone, which not every file system keeps. */
  modes?: boolean;
  /** Entries of the first tree that the second need not have. */
  without?: (path: string) => boolean;
}

/** Everything below a directory, by path; the directory itself is left out. Works as root, or where all is readable. */
export async function recordTree(root: string): Promise<Map<string, TreeRecord>> {
  const fields = "%P\\0%y\\0%m\\0%s\\0%T@\\0%l\\0";
  // One process says what there is, where errors would go, and starts another that hashes all files.
  const [hashes, listed] = await outputOf("find", [
    ...[".", "-mindepth", "1", "-fprintf", "/dev/stderr", fields],
    ...["-type", "f", "-exec", "sha256sum", "-z", "--", "{}", "+"],
  ], root);
  const values = listed.split("\0");
  const records = new Map<string, TreeRecord>();
  for (let at = 0; at + 6 < values.length; at += 6) {
    const [path, kind, mode, size, mtime, link] = values.slice(at, at + 6) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    records.set(path, { path, kind, mode, size: kind === "d" ? "" : size, mtime, link, hash: "" });
  }
  for (const line of hashes.split("\0").slice(0, -1)) {
    // Two spaces, then "./" before the path.
    records.get(line.slice(68))!.hash = line.slice(0, 64);
  }
  return records;
}

/** Fails with the first differences unless the target has what the source has, and nothing besides. */
export async function assertEqualTrees(
  source: string,
  target: string,
  options: TreeComparison = {},
): Promise<void> {
  const differences = differencesOf(await recordTree(source), await recordTree(target), options);
  if (differences.length === 0) return;
  const shown = differences.slice(0, 12).join("\n  ");
  throw new Error(`${source} and ${target} differ in ${differences.length} places:\n  ${shown}`);
}

/** One sentence for each difference. */
export function differencesOf(
  source: Map<string, TreeRecord>,
  target: Map<string, TreeRecord>,
  { mtimeStepNs = 1, linkTimes = true, modes = true, without = () => false }: TreeComparison = {},
): string[] {
  const differences: string[] = [];
  for (const [path, wanted] of source) {
    const found = target.get(path);
    if (!found) {
      if (!without(path)) differences.push(`${JSON.stringify(path)} is missing`);
      continue;
    }
    for (const field of ["kind", "mode", "size", "mtime", "link", "hash"] as const) {
      if (field === "mtime") {
        if (wanted.kind === "l" && !linkTimes) continue;
        if (isSameTime(wanted.mtime, found.mtime, mtimeStepNs)) continue;
      }
      if (wanted[field] === found[field] || field === "mode" && !modes) continue;
      differences.push(`${JSON.stringify(path)}: ${field} is ${found[field]} instead of ${wanted[field]}`);
    }
  }
  for (const path of target.keys()) {
    if (!source.has(path)) differences.push(`${JSON.stringify(path)} is there, and should not be`);
  }
  return differences;
}

/** Nanoseconds since 1970. `find` prints seconds and nanoseconds side by side: -1.9 is 0.1 s before 1970. */
function nanoseconds(text: string): bigint {
  const [, seconds, fraction] = /^(-?\d+)\.(\d{9})/.exec(text)!;
  return BigInt(seconds!) * 1_000_000_000n + BigInt(fraction!);
}

function isSameTime(a: string, b: string, stepNs: number): boolean {
  const difference = nanoseconds(a) - nanoseconds(b);
  return (difference < 0n ? -difference : difference) < BigInt(stepNs);
}

/** A tree beside a destination that nobody may touch, recorded when it is planted. */
export class Canary {
  readonly path: string;
  readonly #before: Map<string, TreeRecord>;

  private constructor(path: string, before: Map<string, TreeRecord>) {
    this.path = path;
    this.#before = before;
  }

  static async plant(path: string): Promise<Canary> {
    await makeCanary(path);
    return new Canary(path, await recordTree(path));
  }

  /** Fails if anything in it is not as it was. */
  async assertUntouched(): Promise<void> {
    const differences = differencesOf(this.#before, await recordTree(this.path));
    if (differences.length > 0) throw new Error(`the canary was touched:\n  ${differences.join("\n  ")}`);
  }
}

/** Makes the tree of a canary, for whoever compares it together with what is around it. */
export async function makeCanary(path: string): Promise<void> {
  await Deno.mkdir(`${path}/inner`, { recursive: true });
  await Deno.writeTextFile(`${path}/secret`, "canary", { mode: 0o640 });
  await Deno.writeTextFile(`${path}/inner/file`, "canary");
  await Deno.symlink("secret", `${path}/link`);
  await Deno.utime(`${path}/inner`, 1_000_000_000, 1_000_000_000);
}

/** Runs a program in a folder and gives what it printed and its errors, one character a byte. @throws if it fails */
async function outputOf(command: string, args: string[], cwd: string): Promise<[string, string]> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd, env: { LC_ALL: "C" } })
    .output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return [latin1(stdout), latin1(stderr)];
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** Whether a killed run left a file unfinished, so that the next run takes it for absent: by its mode (`contract/unfinished.ts`). */
export function isUnfinished(path: string): boolean {
  const { isFile, mode, size, mtime } = Deno.lstatSync(path);
  const bits = mode! & 0o7777;
  if (!isFile) return false;
  return bits === 0o1600 || (bits === 0o200 && size === 0) || (bits === 0o600 && mtime!.getTime() === 0);
}
