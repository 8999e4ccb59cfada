/** The compiled codec, of which each lane makes its own instance over its own memory. */
export const module: WebAssembly.Module;
