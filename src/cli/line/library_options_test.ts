import { assertEquals } from "@std/assert";
import type { Job } from "../report/job.ts";
import { libraryOptions } from "./library_options.ts";
import { parseCommandLine } from "./parse.ts";

const { signal } = new AbortController();
const onEvent = () => {};
const job = { signal, reporter: { onEvent }, command: "rcopy …" } as unknown as Job;

/** What the library gets of a command line, besides the job. */
function given(...argv: string[]): Record<string, unknown> {
  const invocation = parseCommandLine(argv);
  if (invocation.of !== "command") throw new Error(`asks for ${invocation.of}`);
  const { signal: aborts, onEvent: sink, command, ...others } = libraryOptions(invocation.line, job);
  assertEquals([aborts, sink, command], [signal, onEvent, "rcopy …"]);
  return others;
}

Deno.test("options get the names that the library has for them", () => {
  assertEquals(given("receive", "--timeout", "2s", "--dry-run", "-a", "h:1", "-a", "i:2", "--listen", "x"), {
    timeoutMs: 2000,
    dryRun: true,
    addresses: [{ host: "h", port: 1 }, { host: "i", port: 2 }],
    listen: true,
  });
  assertEquals(given("send", "-p", "5", "--keep", "--allow=a", "--allow=b", "--streams=auto", "x"), {
    port: 5,
    keep: true,
    allow: ["a", "b"],
    streams: "auto",
  });
});

Deno.test("options of the program alone, and options that were not given, stay away from the library", () => {
  assertEquals(
    given("send", "--json", "--quiet", "--log-level=debug", "--to=x", "--end-with-stdin", "x"),
    {},
  );
});
