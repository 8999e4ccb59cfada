/**
 * Cap'n Proto, of the package that also has the compiler behind `deno task schema`. Named here in full, so that the
 * program runs where no import map is read: as `deno install --no-config` and JSR start it.
 */
export * from "npm:capnp-es@0.0.16";
