/** From a command line to an exit status. */
import { type CommandLine, parseCommandLine } from "./line/parse.ts";
import { checkArguments } from "./line/raw_arguments.ts";
import { complain } from "./report/complaint.ts";
import { Console } from "./report/console.ts";
import type { LogLevel } from "./report/reporter.ts";

/** Runs a command line; throws nothing. `onSecondSignal` is called when a person insists. */
export async function runCommandLine(
  argv: readonly string[],
  onSecondSignal: (status: number) => void,
): Promise<number> {
  const console = new Console();
  const status = await runWords(argv, console, onSecondSignal);
  await console.flushed();
  const { failure } = console;
  if (!failure || status !== 0) return status;
  const own = complain(console, failure, "info");
  await console.flushed();
  return own;
}

async function runWords(
  argv: readonly string[],
  console: Console,
  onSecondSignal: (status: number) => void,
): Promise<number> {
  let logLevel: LogLevel = "info";
  try {
    checkArguments(argv);
    const invocation = parseCommandLine(argv);
    switch (invocation.of) {
      case "version": {
        const { version } = await import("../base/version.ts");
        console.out(`${version}\n`);
        return 0;
      }
      case "help": {
        const { helpText } = await import("./line/help.ts");
        console.out(helpText(invocation.command, console.columns));
        return 0;
      }
      case "command":
        logLevel = invocation.line.flags["log-level"] ?? logLevel;
        return await runCommand(invocation.line, { argv, console, onSecondSignal });
      default:
        return invocation satisfies never;
    }
  } catch (thrown) {
    return complain(console, thrown, logLevel);
  }
}

interface Surroundings {
  argv: readonly string[];
  console: Console;
  onSecondSignal: (status: number) => void;
}

async function runCommand(
  line: CommandLine,
  { argv, console, onSecondSignal }: Surroundings,
): Promise<number> {
  const { command, flags, operands } = line;
  switch (command) {
    case "completions": {
      const { runCompletions } = await import("./completions.ts");
      return runCompletions(operands, console);
    }
    case "doctor": {
      const { runDoctor } = await import("./doctor.ts");
      return await runDoctor(operands, { json: flags.json === true, console });
    }
    case "send":
    case "receive": {
      const { runCopy } = await import("./copy.ts");
      return await runCopy(line, { argv, console, onSecondSignal });
    }
    default:
      return command satisfies never;
  }
}
