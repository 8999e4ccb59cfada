/** Command lines, parsed by stricli from the table of options. */
import {
  type Application,
  ArgumentScannerError,
  buildApplication,
  buildCommand,
  buildRouteMap,
  type Command,
  type CommandContext,
  formatMessageForArgumentScannerError,
  run,
  text_en,
  // deno-lint-ignore no-import-prefix
} from "npm:@stricli/core@1.3.0";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { type CommandName, commands, type Option } from "./options.ts";

/** What a command line asks for. */
export type Invocation =
  | { of: "command"; command: CommandName; flags: Flags; args: string[] }
  | { of: "text"; text: string };

/** Values of options by name; absent ones are absent. */
export type Flags = Readonly<Record<string, unknown>>;

interface ParseContext extends CommandContext {
  onCommand(command: CommandName, flags: Flags, args: string[]): void;
}

/**
 * Parses a command line, or gives the text that it asks for (help, version).
 * @throws {RcopyError} `usage`, naming the option and what it takes
 */
export async function parseCommandLine(argv: readonly string[], version: string): Promise<Invocation> {
  if (argv.length === 0) return parseCommandLine(["--help"], version);
  let invocation: Invocation | undefined;
  let output = "";
  let complaint = "";
  const write = (text: string) => output += text;
  const context: ParseContext = {
    process: {
      stdout: { write },
      stderr: { write: (text: string) => complaint += text },
    },
    onCommand: (command, given, args) => {
      const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      invocation = { of: "command", command, flags, args };
    },
  };
  await run(application(version), normalized(argv), context);
  if (complaint !== "") throw new RcopyError("usage", complaint.trim());
  return invocation ?? { of: "text", text: output };
}

/** `help X` is `X --help`; what follows `doctor` and its own options is data. */
function normalized(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  if (first === "help") return rest.length > 0 ? [rest[0]!, "--help"] : ["--help"];
  if (first === "doctor") {
    const own = rest.findIndex((arg) => !["--json", "--help", "-h"].includes(arg));
    if (own >= 0) return ["doctor", ...rest.slice(0, own), "--", ...rest.slice(own)];
  }
  return [...argv];
}

const programBrief = "Copy files and directories between two machines, fast, and verified at the far end";
const programDetails = `rcopy help COMMAND lists the options of a command.

Exit status: 0 all copied and verified, 1 a fault of rcopy, 2 wrong usage, 3 refused, 4 the peer was not reached or
was lost, 5 the destination cannot take it, 23 some entries were not copied, 24 some entries changed or vanished while
being read, 130 and 143 interrupted.`;

function application(version: string): Application<ParseContext> {
  const routes = Object.fromEntries(
    (Object.keys(commands) as CommandName[]).map((name) => [name, commandOf(name)]),
  );
  const root = buildRouteMap({
    routes,
    docs: { brief: programBrief, fullDescription: `${programBrief}\n\n${programDetails}` },
  });
  return buildApplication(root, {
    name: "rcopy",
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: "original", allowArgumentEscapeSequence: true },
    documentation: { disableAnsiColor: true, caseStyle: "original", useAliasInUsageLine: false },
    localization: {
      text: {
        ...text_en,
        noCommandRegisteredForInput: ({ input, corrections }) => {
          const guess = corrections.length > 0
            ? `did you mean ${corrections.join(" or ")}?`
            : "see rcopy --help";
          return `there is no command "${input}"; ${guess}`;
        },
        exceptionWhileParsingArguments: (thrown) => parseComplaint(thrown),
      },
    },
  });
}

function commandOf(name: CommandName): Command<ParseContext> {
  const { brief, options, usage } = commands[name];
  const aliases: Record<string, string> = {};
  const flags: Record<string, unknown> = {};
  for (const option of options) {
    flags[option.name] = flagOf(option);
    if (option.letter) aliases[option.letter] = option.name;
  }
  const parameter = { brief: positionalBrief(name), parse: String, placeholder: positionalName(name) };
  // The flags come from the table, so their types are known to it and not to stricli.
  const parameters = { flags, aliases, positional: { kind: "array", parameter } } as unknown as Parameters<
    typeof buildCommand<Record<string, unknown>, string[], ParseContext>
  >[0]["parameters"];
  const command = buildCommand<Record<string, unknown>, string[], ParseContext>({
    docs: { brief, customUsage: [usage] },
    parameters,
    func(this: ParseContext, given, ...args) {
      this.onCommand(name, given, args);
    },
  }) as Command<ParseContext>;
  // In the list of all commands too, where stricli would spell out every option.
  return { ...command, formatUsageLine: ({ prefix }) => `${prefix.join(" ")} ${usage}` };
}

function flagOf(option: Option): unknown {
  const { kind } = option;
  const takes = [
    ...(kind.of === "value" ? [kind.takes] : []),
    ...(option.byDefault === undefined ? [] : [`default: ${option.byDefault}`]),
  ];
  const brief = takes.length > 0 ? `${option.brief} (${takes.join("; ")})` : option.brief;
  if (kind.of === "switch") return { kind: "boolean", brief, optional: true, withNegated: false };
  if (kind.of === "choice") return { kind: "enum", values: kind.values, brief, optional: true };
  return {
    kind: "parsed",
    brief,
    placeholder: kind.takes,
    optional: true,
    variadic: kind.repeatable ?? false,
    parse: (text: string) => {
      try {
        return kind.parse(text);
      } catch (thrown) {
        throw new RcopyError("usage", `--${option.name}: ${asRcopyError(thrown).message}`);
      }
    },
  };
}

function positionalName(name: CommandName): string {
  if (name === "send") return "PATH";
  if (name === "receive") return "TICKET, HOST:PATH or DEST";
  return name === "doctor" ? "COMMAND" : "SHELL";
}

function positionalBrief(name: CommandName): string {
  if (name === "send") {
    return "What to serve: of one directory the contents, else each under its name; HOST:DEST at the end names " +
      "where it lands on another machine, which ssh reaches; ./a:b is a path here";
  }
  if (name === "receive") {
    return "The ticket that send printed (- reads it from standard input; RCOPY_TICKET works too), or HOST:PATH on another " +
      "machine, which ssh reaches; then where it lands (the current directory)";
  }
  return name === "doctor" ? "A command line of rcopy to look at" : "bash, zsh or fish";
}

/** What stricli found wrong, in our words where it is about one of our own checks. */
function parseComplaint(thrown: unknown): string {
  if (!(thrown instanceof ArgumentScannerError)) return asRcopyError(thrown).message;
  return formatMessageForArgumentScannerError(thrown, {
    FlagNotFoundError: (error) => {
      const guess = error.corrections.length > 0
        ? `did you mean ${error.corrections.map((name) => `--${name}`).join(" or ")}?`
        : "see --help";
      return `there is no option --${error.input}; ${guess}`;
    },
    AliasNotFoundError: (error) => `there is no option -${error.input}; see --help`,
    ArgumentParseError: (error) => {
      return error.exception instanceof RcopyError ? error.exception.message : String(error.exception);
    },
    EnumValidationError: (error) => {
      return `--${error.externalFlagName}: "${error.input}" is not one of ${error.values.join(", ")}`;
    },
    UnsatisfiedFlagError: (error) => `--${error.externalFlagName} needs a value; see --help`,
    UnexpectedFlagError: (error) => `--${error.externalFlagName} can be given once only`,
  });
}
