import { assertEquals, assertMatch } from "@std/assert";
import { type CommandLine, parseCommandLine } from "../line/parse.ts";
import { farShellLine } from "./far_command.ts";

function lineOf(...argv: string[]): CommandLine {
  const invocation = parseCommandLine(argv);
  if (invocation.of !== "command") throw new Error(`asks for ${invocation.of}`);
  return invocation.line;
}

/** The words that the program of the other end gets, with `rcopy` replaced by a program that prints them. */
async function wordsThere(command: "send" | "receive", line: CommandLine, path: string): Promise<string[]> {
  const home = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${home}/.deno/bin`, { recursive: true });
    const script = `#!/bin/sh\nprintf '%s\\0' "$@"\n`;
    await Deno.writeTextFile(`${home}/.deno/bin/rcopy`, script, { mode: 0o755 });
    const { stdout, code } = await new Deno.Command("sh", {
      args: ["-c", farShellLine(command, line, path)],
      clearEnv: true,
      env: { HOME: home, PATH: "/usr/bin:/bin" },
    }).output();
    assertEquals(code, 0);
    return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const isPosix = Deno.build.os !== "windows";
const first = ["--end-with-stdin", "--auth=ticket", "--quiet", "--log-level=error"];

Deno.test({
  name: "the other end is told of the listener and of the time, as they were typed",
  ignore: !isPosix,
  fn: async () => {
    const typed = [
      "-p",
      "7",
      "--local",
      "--bind=::1",
      "--advertise",
      "[::1]:5",
      "--timeout",
      "90s",
      "--io",
      "deno",
    ];
    const line = lineOf("send", ...typed, "a", "h:b c");
    assertEquals(await wordsThere("send", line, "b c"), [
      "send",
      ...first,
      ...["--port=7", "--local", "--bind=::1", "--advertise=[::1]:5", "--timeout=90s"],
      ...["--", "./b c"],
    ]);
  },
});

Deno.test({
  name: "a receiver there is told of the destination, and a sender there is not",
  ignore: !isPosix,
  fn: async () => {
    const sending = lineOf("send", "--durable", "--exists", "skip", "--log-level=debug", "a", "h:b");
    const debugged = [...first.slice(0, -1), "--log-level=debug", "--port=0"];
    assertEquals(await wordsThere("receive", sending, ""), [
      ...["receive", "--listen"],
      ...debugged,
      ...["--durable", "--exists=skip", "--", "."],
    ]);
    const receiving = lineOf("receive", "--durable", "--exists=skip", "h:a", "b");
    assertEquals(await wordsThere("send", receiving, "a"), ["send", ...first, "--port=0", "--", "./a"]);
  },
});

Deno.test("a program that is named is started as it is, with ~/ for the home there", () => {
  const line = lineOf("send", "--remote-rcopy", "~/bin/deno run -A '~/my rcopy/main.ts'", "a", "h:b");
  assertMatch(
    farShellLine("receive", line, "b"),
    /^~\/bin\/deno run -A ~\/'my rcopy\/main\.ts' receive --listen /,
  );
});
