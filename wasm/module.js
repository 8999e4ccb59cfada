// @ts-self-types="./module.d.ts"
// A JavaScript file, because TypeScript 6.0 cannot parse the source-phase import that makes Deno compile
// the artefact once and hand out the module without an instance.
import source module from "./codec.wasm";

export { module };
