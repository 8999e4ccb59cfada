/**
 * Builds `codec.wasm` from `assembly/` with AssemblyScript. With `--check` it builds elsewhere and compares.
 *
 * Run by `deno task wasm`.
 */
import asc from "assemblyscript/asc";

const here = import.meta.dirname!;

async function build(): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([
    "assembly/index.ts",
    "--outFile",
    "codec.wasm",
    "--runtime",
    "stub",
    "--importMemory",
    "--noExportMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "16384",
    "--enable",
    "simd",
    "--optimizeLevel",
    "3",
    "--shrinkLevel",
    "0",
    "--converge",
    "--noAssert",
    "--baseDir",
    here,
  ], {
    readFile: (name: string, base: string) => {
      try {
        return Deno.readTextFileSync(`${base}/${name}`);
      } catch {
        return null;
      }
    },
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (contents instanceof Uint8Array) binary = contents;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`AssemblyScript failed: ${error?.message}\n${stderr.toString()}`);
  return binary;
}

const target = `${here}/codec.wasm`;
const built = await build();
if (!Deno.args.includes("--check")) {
  await Deno.writeFile(target, built);
  console.log(`wasm/codec.wasm: ${built.length} bytes`);
} else {
  const committed = await Deno.readFile(target);
  if (committed.length !== built.length || committed.some((byte, i) => byte !== built[i])) {
    throw new Error("wasm/codec.wasm is not what wasm/assembly makes; run deno task wasm");
  }
}
