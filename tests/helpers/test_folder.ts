/** Folders for tests, and what the machine lets a test do. */
import type { TreeComparison } from "./tree_record.ts";

/** A temporary folder with `source` (made by the test) and `target` in it; removed at the end, whatever its modes. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-e2e-" });
  try {
    await Deno.chmod(folder, 0o755); // other users come in too
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() =>
      shell('chmod -R u+rwx "$1" 2>/dev/null; rm -rf "$1"', folder)
    );
  }
}

/** Runs shell text with `$1`, `$2`… and gives what it printed. @throws with its errors if it fails */
export async function shell(script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script, "-", ...args] })
    .output();
  if (!success) throw new Error(`failed: ${script}\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Makes the tree of everything that copies badly at `root`; see `odd_tree.py`. */
export async function makeOddTree(root: string, options: { utf8Only?: boolean } = {}): Promise<void> {
  const script = new URL("odd_tree.py", import.meta.url).pathname;
  await shell('python3 "$@"', script, root, ...(options.utf8Only ? ["--utf8"] : []));
}

const requireOracles = Deno.env.get("RCOPY_REQUIRE_ORACLES") === "1";

/** Why a test cannot run here, for its name; `undefined` where it can, and where the environment insists. */
export function whyNot(needs: { root?: boolean; mount?: boolean; programs?: string[] }): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  for (const program of needs.programs ?? []) {
    if (!requireOracles && !hasProgram(program)) return `${program} is not installed`;
  }
  if ((needs.root || needs.mount) && Deno.uid() !== 0) return "needs root";
  if (needs.mount && !canMount()) return "needs the right to mount";
  return undefined;
}

/** A test that needs something of the machine; where that is not to be had, its name says what. */
export function testWhere(
  needs: Parameters<typeof whyNot>[0],
  name: string,
  fn: () => Promise<void>,
): void {
  const why = whyNot(needs);
  Deno.test({ name: why === undefined ? name : `${name} (skipped: ${why})`, ignore: why !== undefined, fn });
}

/** A file system of its own at `path`, unmounted at the end. */
export async function withTmpfs(
  path: string,
  options: string,
  body: () => Promise<void>,
): Promise<void> {
  await shell('mkdir -p "$1" && mount -t tmpfs -o "$2" tmpfs "$1"', path, options);
  try {
    await body();
  } finally {
    await shell('umount "$1"', path);
  }
}

function hasProgram(program: string): boolean {
  return new Deno.Command("bash", { args: ["-c", 'command -v "$1"', "-", program], stdout: "null" })
    .outputSync().success;
}

let mayMount: boolean | undefined;
function canMount(): boolean {
  mayMount ??=
    new Deno.Command("unshare", { args: ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stderr: "null" })
      .outputSync().success;
  return mayMount;
}

/** The file engines that the program can use here, each with the reason why not. */
const engines: Record<"deno" | "uring", string | undefined> = { deno: undefined, uring: await whyNoUring() };

/** The task `test` says it to all files of tests: each would load the engine, and open it, for this alone. */
async function whyNoUring(): Promise<string | undefined> {
  if (Deno.env.get("RCOPY_REQUIRE_URING") === "1") return undefined;
  const told = Deno.env.get("RCOPY_TEST_NO_URING");
  if (told !== undefined) return told === "" ? undefined : told;
  return (await import("./uring_engine.ts")).whyNoUringEngine();
}

/** What a comparison must leave out after a copy by the portable engine: it keeps milliseconds, and no times of links. */
const portable: TreeComparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** How to compare trees after a copy with `--io`; without that, with the engine that this machine gets. */
export function comparisonOf(io: "deno" | "uring" | "auto" = "auto"): TreeComparison {
  const isPortable = io === "deno" || (io === "auto" && engines.uring !== undefined);
  return isPortable ? portable : {};
}

/** What a test of the whole program needs, and which engines it tries. */
export interface EngineNeeds {
  root?: boolean;
  mount?: boolean;
  programs?: string[];
  /** A reason, found elsewhere, for which it cannot run here. */
  why?: string | undefined;
  /** The engine that is tried, where one cannot do what the test is about. */
  only?: "deno" | "uring" | undefined;
  /**
   * The number of a case in a table: each engine gets every other one, so that in the whole table each meets every value of
   * every column, and not every combination. Without io_uring the portable engine gets all.
   */
  turn?: number | undefined;
}

/** A test of the whole program with each engine, or with one: `io` is what `--io` takes. */
export function testEngines(
  name: string,
  fn: (io: "deno" | "uring") => Promise<void>,
  needs: EngineNeeds = {},
): void {
  for (const io of ["deno", "uring"] as const) {
    if ((needs.only ?? engineOfTurn(needs.turn) ?? io) !== io) continue;
    const why = needs.why ?? whyNot(needs) ?? engines[io];
    const shown = `${name} (--io ${io})`;
    Deno.test({
      name: why === undefined ? shown : `${shown} (skipped: ${why})`,
      ignore: why !== undefined,
      fn: () => fn(io),
    });
  }
}

function engineOfTurn(turn: number | undefined): "deno" | "uring" | undefined {
  if (turn === undefined) return undefined;
  return turn % 2 === 1 && engines.uring === undefined ? "uring" : "deno";
}
