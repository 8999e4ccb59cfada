/** Version of the program; the same as in `deno.json`, which a test holds to it. */
export const version = "0.1.0";
