/** The text of `--help`, made from the table of options. Pure. */
import { type Command, type CommandName, commandNames, commands, optionsOf } from "./options.ts";
import type { Option } from "./option.ts";

const programBrief = "Copy files and directories between two machines, fast, and verified at the far end";
const programDetails = [
  "rcopy help COMMAND lists the options of a command.",
  "Exit status: 0 all copied and verified, 1 a fault of rcopy, 2 wrong usage, 3 refused, 4 the peer was not reached or was lost, 5 the destination cannot take it, 23 some entries were not copied, 24 some entries changed or vanished while being read, 129, 130 and 143 interrupted.",
];

const helpRow = ["-h", "--help", "Print this help"];
const endRow = ["", "--", "Everything behind it is an operand"];

/** The help of a command, or of the program, in lines of at most `width` characters. */
export function helpText(command: CommandName | undefined, width = 80): string {
  return command === undefined ? programHelp(width) : commandHelp(command, width);
}

/** Words in lines of at most `width` characters; the first begins with `before`, the others as far to the right. */
function wrapped(text: string, { width, before = "" }: { width: number; before?: string }): string {
  const indent = " ".repeat(before.length);
  const lines: string[] = [];
  let line = before;
  for (const word of text.split(" ")) {
    const isFirst = line.length <= before.length;
    if (!isFirst && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = indent + word;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}

function programHelp(width: number): string {
  const usages = commandNames.map((name) => `  rcopy ${name} ${commands[name].usage}`);
  return [
    section("USAGE", [...usages, "  rcopy --help", "  rcopy --version"]),
    wrapped(programBrief, { width }),
    programDetails.map((text) => wrapped(text, { width })).join("\n\n"),
    section("FLAGS", columns([helpRow, ["-v", "--version", "Print the version"]], { width })),
    section(
      "COMMANDS",
      columns(commandNames.map((name) => [name, commands[name].brief]), { width, separator: "  " }),
    ),
  ].join("\n\n") + "\n";
}

function commandHelp(name: CommandName, width: number): string {
  const { brief, usage, operand }: Command = commands[name];
  const rows = optionsOf(name).map((row) => {
    const { kind, letter } = row;
    const many = kind.of === "list" ? "..." : "";
    const choices = kind.of === "choice" ? `  [${kind.values.join("|")}]` : "";
    return [letter ? `-${letter}` : "", `[--${row.name}]${many}`, `${briefWithValue(row)}${choices}`];
  });
  return [
    section("USAGE", [`  rcopy ${name} ${usage}`, `  rcopy ${name} --help`]),
    wrapped(brief, { width }),
    section("FLAGS", columns([...rows, helpRow, endRow], { width })),
    section("ARGUMENTS", [wrapped(operand.brief, { width, before: `  ${operand.name}...  ` })]),
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

/** Rows with their last column ragged, and wrapped. */
function columns(
  rows: readonly string[][],
  { width, separator = " " }: { width: number; separator?: string },
): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column]!));
    return wrapped(row.at(-1)!, { width, before: `  ${cells.join(separator)}  ` });
  });
}
