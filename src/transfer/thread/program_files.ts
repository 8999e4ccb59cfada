/**
 * Where the program's own files are, for a Worker that reads them again: the modules of a checkout, of JSR or of a binary, or
 * the few files that `deno task build` makes of them, all of them in one folder.
 */

const isBuilt = import.meta.url.endsWith(".js");

/** The folder that has all of them. */
export const programFolder = new URL(isBuilt ? "./" : "../../../", import.meta.url);
/** The module that a Worker runs. */
export const workerModule = new URL(isBuilt ? "./transfer/thread/worker.js" : "./worker.ts", import.meta.url);
