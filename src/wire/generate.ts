/**
 * Makes `schema.ts` from `schema.capnp` with Debian's `capnproto` and the compiler of capnp-es.
 * With `--check` it compares instead of writing, and fails when they differ.
 *
 * Run by `deno task schema`.
 */
import { Buffer } from "node:buffer";
import "typescript"; // the compiler's peer, which must be in the module graph to be found
import { compileAll } from "capnp-es/compiler";

const here = new URL(".", import.meta.url).pathname;

async function generate(): Promise<string> {
  let request: Uint8Array;
  try {
    const { success, stdout, stderr } = await new Deno.Command("capnp", {
      args: ["compile", "-o-", `--src-prefix=${here}`, `${here}schema.capnp`],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    request = stdout;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error("capnp is not installed; apt-get install capnproto", { cause });
  }
  const { files } = await compileAll(Buffer.from(request), { ts: true, js: false, dts: false });
  const generated = files.get("schema.ts");
  if (generated === undefined) throw new Error(`the compiler made ${[...files.keys()]} instead of schema.ts`);
  // The compiler knows nothing of noImplicitOverride, under which this project is checked, nor of our way to its package.
  return generated
    .replace('from "capnp-es"', 'from "./capnp.ts"')
    .replaceAll("static readonly _capnp", "static override readonly _capnp")
    .replaceAll("    toString(): string", "    override toString(): string");
}

const target = `${here}schema.ts`;
const generated = await generate();
if (!Deno.args.includes("--check")) {
  await Deno.writeTextFile(target, generated);
} else if (await Deno.readTextFile(target) !== generated) {
  throw new Error("src/wire/schema.ts is not what schema.capnp makes; run deno task schema");
}
