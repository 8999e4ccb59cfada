/**
 * Compiles `dist/rcopy` and `dist/rcopy-locked`, with the permissions each has for good. Deno fetches its base binary for
 * that (or takes the one that `DENORT_BIN` names).
 *
 * With `--check` nothing is kept and nothing is fetched: the program is packed onto the running `deno` itself, which
 * shows that everything a binary needs is found and embedded, but gives no binary that runs; that last step is skipped.
 */

/** A binary and the permissions that it is born with. */
export interface CompileTarget {
  name: string;
  permissions: string[];
}

export const compileTargets: CompileTarget[] = [
  {
    name: "rcopy",
    permissions: [
      "--allow-net",
      "--allow-read",
      "--allow-write",
      "--allow-ffi",
      "--allow-run=ssh",
      "--allow-sys=networkInterfaces,uid,hostname",
      "--allow-env=HOME,USER,XDG_CONFIG_HOME,SSH_AUTH_SOCK,RCOPY_TICKET,DENO_CERT,DENO_TLS_CA_STORE,NODE_EXTRA_CA_CERTS",
    ],
  },
  { name: "rcopy-locked", permissions: ["--allow-net", "--allow-read", "--allow-write"] },
];

/**
 * What is loaded only when it is needed, and must be in the binary all the same: as the list of embedded files shows it,
 * which shortens a room of several files to one row.
 */
const embedded: Readonly<Record<string, RegExp>> = {
  "src/main.ts": /─ main\.ts /,
  "src/io/uring/": /[─┬] uring(\/\*)? \(/,
  "src/io/deno/": /[─┬] deno(\/\*)? \(/,
  "src/transfer/thread/": /[─┬] thread(\/\*)? \(/,
  "wasm/codec.wasm": /codec\.wasm|─ wasm\/\* \(/,
};

/** Packages of tests and tasks, which `src/deno.json` keeps out of a binary. */
const foreign = /\b(typescript|binaryen|assemblyscript|vega|fast-check|deno-std)\b/;

/** What the packing does not follow: a source-phase import, and the module of a Worker. */
const options = [
  "--include",
  "wasm/codec.wasm",
  "--include",
  "src/transfer/thread/worker.ts",
];

if (import.meta.main) {
  const outcomes = Deno.args.includes("--check") ? await checkPacking() : await compileAll();
  Deno.exitCode = outcomes.every((good) => good) ? 0 : 1;
}

async function compileAll(): Promise<boolean[]> {
  await Deno.mkdir("dist", { recursive: true });
  const outcomes: boolean[] = [];
  for (const target of compileTargets) {
    const path = `dist/${target.name}`;
    const { success, output } = await compile(target, path, {});
    outcomes.push(success && await runs(path));
    if (!success && output.includes("base binary")) {
      console.log(
        `compile: Deno's base binary could not be fetched, so there is no ${path}; DENORT_BIN names one`,
      );
    }
  }
  return outcomes;
}

async function checkPacking(): Promise<boolean[]> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-compile-" });
  try {
    const outcomes: boolean[] = [];
    for (const target of compileTargets) {
      const { success, output } = await compile(target, `${folder}/${target.name}`, {
        DENORT_BIN: Deno.execPath(),
      });
      const absent = Object.keys(embedded).filter((name) => !embedded[name]!.test(output));
      for (const name of absent) console.log(`compile: ${target.name} lacks ${name}`);
      const [stranger] = foreign.exec(output) ?? [];
      if (stranger !== undefined) console.log(`compile: ${target.name} embeds ${stranger}`);
      const isRight = success && absent.length === 0 && stranger === undefined;
      if (isRight) console.log(`compile: ${target.name} packs; not run, see compile.ts`);
      outcomes.push(isRight);
    }
    return outcomes;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function compile(
  { permissions }: CompileTarget,
  path: string,
  env: Record<string, string>,
): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--no-prompt",
      "--config",
      "src/deno.json",
      ...options,
      ...permissions,
      "-o",
      path,
      "src/main.ts",
    ],
    env: { ...env, NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  console.log(output.trimEnd());
  return { success, output };
}

async function runs(path: string): Promise<boolean> {
  const { success, stdout } = await new Deno.Command(path, { args: ["--version"] }).output();
  console.log(`compile: ${path} --version: ${new TextDecoder().decode(stdout).trimEnd()}`);
  return success;
}
