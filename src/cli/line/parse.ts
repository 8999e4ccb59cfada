/** Command lines, parsed by the table of options. Pure. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { closest } from "./closest.ts";
import {
  type Command,
  type CommandName,
  commandNames,
  commands,
  type Flags,
  type OptionName,
  options,
} from "./options.ts";

/** The request of a command line. */
export type Invocation =
  | { of: "command"; line: CommandLine }
  | { of: "help"; command: CommandName | undefined }
  | { of: "version" };

/** A command, its options and its operands. */
export interface CommandLine {
  command: CommandName;
  flags: Flags;
  /** The options as they were typed, in their order. */
  given: readonly GivenOption[];
  operands: readonly string[];
}

/** An option as it was typed; a switch has no text. */
export interface GivenOption {
  name: OptionName;
  text: string | undefined;
}

/** Parses a command line. @throws {RcopyError} `usage`, naming the option and what it takes */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const [first, ...rest] = argv;
  if (first === undefined || isHelp(first)) return { of: "help", command: undefined };
  if (first === "--version" || first === "-v") return { of: "version" };
  if (first === "help") {
    return { of: "help", command: rest[0] === undefined || isHelp(rest[0]) ? undefined : commandOf(rest[0]) };
  }
  return parseWords(commandOf(first), rest);
}

/** A word for an option as another rcopy reads it. */
export function wordOf({ name, text }: GivenOption): string {
  return text === undefined ? `--${name}` : `--${name}=${text}`;
}

function commandOf(word: string): CommandName {
  const command = commandNames.find((name) => name === word);
  if (command) return command;
  const guesses = closest(word, [...commandNames, "help"]);
  throw new RcopyError(
    "usage",
    `there is no command "${word}"; ${
      guesses.length > 0 ? `did you mean ${guesses.join(" or ")}?` : "see rcopy --help"
    }`,
  );
}

function parseWords(command: CommandName, words: readonly string[]): Invocation {
  const { endsOptions = false }: Command = commands[command];
  const rest = [...words];
  const given: GivenOption[] = [];
  const operands: string[] = [];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (isHelp(word)) return { of: "help", command };
    if (word === "--") operands.push(...rest.splice(0));
    else if (word.startsWith("--")) given.push(longOption(word, { command, rest }));
    else if (/^-./.test(word)) given.push(...letters(word, { command, rest }));
    else operands.push(word, ...endsOptions ? rest.splice(0) : []);
  }
  return { of: "command", line: { command, flags: flagsOf(given), given, operands } };
}

interface Around {
  command: CommandName;
  /** The words that follow; a value is taken from their front. */
  rest: string[];
}

/** `--name`, `--name VALUE`, `--name=VALUE` */
function longOption(word: string, { command, rest }: Around): GivenOption {
  const equals = word.indexOf("=");
  const typed = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const { options: names }: Command = commands[command];
  const name = names.find((one) => one === typed);
  if (!name) {
    const guesses = closest(typed, names).map((one) => `--${one}`);
    throw new RcopyError(
      "usage",
      `there is no option --${typed}; ${
        guesses.length > 0 ? `did you mean ${guesses.join(" or ")}?` : "see --help"
      }`,
    );
  }
  return { name, text: textOf(name, { typed: equals < 0 ? undefined : word.slice(equals + 1), rest }) };
}

/** `-q`, `-p VALUE`, `-pVALUE`, `-p=VALUE`, and several letters in one word. */
function letters(word: string, { command, rest }: Around): GivenOption[] {
  const { options: names }: Command = commands[command];
  const given: GivenOption[] = [];
  for (let left = word.slice(1); left !== "";) {
    const letter = left.charAt(0);
    const name = names.find((one) => options[one].letter === letter);
    if (!name) throw new RcopyError("usage", `there is no option -${letter}; see --help`);
    left = left.slice(1);
    if (options[name].kind.of === "switch") {
      given.push({ name, text: undefined });
      continue;
    }
    const typed = left === "" ? undefined : left.replace(/^=/, "");
    given.push({ name, text: textOf(name, { typed, rest }) });
    left = "";
  }
  return given;
}

/** The text of an option's value: typed in its own word, or the word behind it. */
function textOf(
  name: OptionName,
  { typed, rest }: { typed: string | undefined; rest: string[] },
): string | undefined {
  if (options[name].kind.of === "switch") {
    if (typed === undefined) return undefined;
    throw new RcopyError("usage", `--${name} takes no value; leave out =${typed}`);
  }
  if (typed !== undefined) return typed;
  // A dash alone stands for standard input.
  if (rest[0] === undefined || /^-./.test(rest[0])) {
    throw new RcopyError("usage", `--${name} needs a value; see --help`);
  }
  return rest.shift();
}

/** The values by name. */
function flagsOf(given: readonly GivenOption[]): Flags {
  const flags: Record<string, unknown> = {};
  for (const { name, text } of given) {
    const { kind } = options[name];
    const parsed = text === undefined ? true : valueOf(name, text);
    if (kind.of === "list") flags[name] = [...(flags[name] as unknown[] | undefined) ?? [], parsed];
    else if (flags[name] !== undefined) throw new RcopyError("usage", `--${name} can be given once only`);
    else flags[name] = parsed;
  }
  return flags as Flags; // each value is of the kind that its row of the table has
}

function valueOf(name: OptionName, text: string): unknown {
  const { kind } = options[name];
  switch (kind.of) {
    case "switch":
      return true;
    case "choice": {
      const values: readonly string[] = kind.values;
      if (values.includes(text)) return text;
      throw new RcopyError("usage", `--${name}: "${text}" is not one of ${values.join(", ")}`);
    }
    case "value":
    case "list":
      try {
        return kind.parse(text);
      } catch (thrown) {
        throw new RcopyError("usage", `--${name}: ${asRcopyError(thrown).message}`);
      }
    default:
      return kind satisfies never;
  }
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}
