/** Version of the program; equal to that of `deno.json`, as a test checks. */
export const version = "0.1.0";
