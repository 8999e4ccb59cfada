/**
 * Makes `dist/program/`: the whole program in a few files, which start twice as fast as its two hundred modules.
 * The modules stay the only source; `deno task install` and the benchmarks run what this makes.
 */

const root = new URL("../../", import.meta.url).pathname;

/** Bundled; what both load, and what is loaded only when it is needed, goes into files of its own. */
const entries = ["src/main.ts", "src/transfer/thread/worker.ts"];
/** Copied as they are: the bundler does not know the source-phase import in the first of them. */
const copied = ["wasm/module.js", "wasm/codec.wasm"];

/** Makes the program in `folder`, which it empties before. @returns its main module @throws with what the bundler said */
export async function buildProgram(folder: string): Promise<string> {
  await removeFolder(folder);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--config",
      "src/deno.json",
      "--platform",
      "deno",
      "--code-splitting",
      "--external",
      "./module.js",
      "--outdir",
      folder,
      ...entries,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`the program cannot be bundled: ${new TextDecoder().decode(stderr)}`);
  for (const path of copied) await Deno.copyFile(`${root}${path}`, `${folder}/${path.split("/").at(-1)}`);
  return `${folder}/main.js`;
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

if (import.meta.main) console.log(`build: ${await buildProgram(`${root}dist/program`)}`);
