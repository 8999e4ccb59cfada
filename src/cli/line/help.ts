/** The text of `--help`, made from the table of options. Pure. */
import { type Command, type CommandName, commandNames, commands, optionsOf } from "./options.ts";
import type { Option } from "./option.ts";

const programBrief = "Copy files and directories between two machines, fast, and verified at the far end";
const programDetails = `rcopy help COMMAND lists the options of a command.

Exit status: 0 all copied and verified, 1 a fault of rcopy, 2 wrong usage, 3 refused, 4 the peer was not reached or
was lost, 5 the destination cannot take it, 23 some entries were not copied, 24 some entries changed or vanished while
being read, 130 and 143 interrupted.`;

const helpRow = ["-h", "--help", "Print this help"];
const endRow = ["", "--", "Everything behind it is an operand"];

/** The help of a command, or of the program. */
export function helpText(command: CommandName | undefined): string {
  return command === undefined ? programHelp() : commandHelp(command);
}

function programHelp(): string {
  const usages = commandNames.map((name) => `  rcopy ${name} ${commands[name].usage}`);
  return [
    section("USAGE", [...usages, "  rcopy --help", "  rcopy --version"]),
    programBrief,
    programDetails,
    section("FLAGS", columns([helpRow, ["-v", "--version", "Print the version"]])),
    section("COMMANDS", columns(commandNames.map((name) => [name, commands[name].brief]), "  ")),
  ].join("\n\n") + "\n";
}

function commandHelp(name: CommandName): string {
  const { brief, usage, operand }: Command = commands[name];
  const rows = optionsOf(name).map((row) => {
    const { kind, letter } = row;
    const many = kind.of === "list" ? "..." : "";
    const choices = kind.of === "choice" ? `  [${kind.values.join("|")}]` : "";
    return [letter ? `-${letter}` : "", `[--${row.name}]${many}`, `${briefWithValue(row)}${choices}`];
  });
  return [
    section("USAGE", [`  rcopy ${name} ${usage}`, `  rcopy ${name} --help`]),
    brief,
    section("FLAGS", columns([...rows, helpRow, endRow])),
    section("ARGUMENTS", [`  ${operand.name}...  ${operand.brief}`]),
  ].join("\n\n") + "\n";
}

/** The brief of an option, with its value and its default. */
function briefWithValue({ brief, kind, byDefault }: Option): string {
  const takes = [
    ...("takes" in kind ? [kind.takes] : []),
    ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
  ];
  return takes.length > 0 ? `${brief} (${takes.join("; ")})` : brief;
}

function section(title: string, lines: readonly string[]): string {
  return [title, ...lines].join("\n");
}

/** Rows with their last column ragged. */
function columns(rows: readonly string[][], separator = " "): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column]!));
    return `  ${cells.join(separator)}  ${row.at(-1)}`.trimEnd();
  });
}
