/** The command line of the other end, for the shell of its machine. Pure. */
import { options } from "../line/options.ts";
import { type CommandLine, wordOf } from "../line/parse.ts";
import { commandWords, remoteOperand } from "../line/remote_path.ts";
import { homeShellLine, shellLine } from "../line/shell_line.ts";

/**
 * Finds the rcopy that `deno install -g` made, and the deno that Deno's own installer made: a shell that nobody logs in to
 * has neither in its PATH. What is in the PATH comes first.
 */
const finder = [
  "sh",
  "-c",
  'PATH="$PATH:${DENO_INSTALL_ROOT:-$HOME/.deno}/bin:$HOME/.deno/bin"; export PATH; exec "$@"',
  "sh",
];

/** One line for any shell there: the program, its options and `path`. */
export function farShellLine(command: "send" | "receive", line: CommandLine, path: string): string {
  const named = line.flags["remote-rcopy"];
  // A program that was named is started as it is, also where there is no sh.
  const program = named === undefined ? shellLine([...finder, "rcopy"]) : homeShellLine(commandWords(named));
  return `${program} ${shellLine(farWords(command, line, path))}`;
}

function farWords(command: "send" | "receive", { flags, given }: CommandLine, path: string): string[] {
  const passed = given.filter(({ name }) => {
    const { passedTo } = options[name];
    const own = command === "receive" ? "receiver" : "sender";
    return passedTo === "any" || passedTo === own;
  });
  return [
    command,
    ...command === "receive" ? ["--listen"] : [],
    "--end-with-stdin",
    "--auth=ticket",
    "--quiet",
    `--log-level=${flags["log-level"] === "debug" ? "debug" : "error"}`,
    ...flags.port === undefined ? ["--port=0"] : [],
    ...passed.map(wordOf),
    "--",
    remoteOperand(path),
  ];
}
