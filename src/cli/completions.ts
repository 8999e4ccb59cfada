/** `rcopy completions`: scripts for shells, made from the table of options. */
import { RcopyError } from "../base/errors.ts";
import type { Console } from "./report/console.ts";
import { type CommandName, commandNames as names, commands, optionsOf } from "./line/options.ts";

type Row = ReturnType<typeof optionsOf>[number];

const shells = { bash, zsh, fish } as const;

/** Prints the completions of a shell. @throws {RcopyError} `usage` */
export function runCompletions(args: readonly string[], console: Console): number {
  const [shell] = args;
  if (args.length !== 1 || !(shell! in shells)) {
    throw new RcopyError("usage", "completions needs the name of one shell: bash, zsh or fish");
  }
  console.out(shells[shell as keyof typeof shells]());
  return 0;
}

function spellings(command: CommandName): string[] {
  return optionsOf(command).flatMap((option) =>
    option.letter ? [`-${option.letter}`, `--${option.name}`] : [`--${option.name}`]
  );
}

function bash(): string {
  const choices = new Map<string, readonly string[]>();
  for (const name of names) {
    for (const { name: option, kind } of optionsOf(name)) {
      if (kind.of === "choice") choices.set(`--${option}`, kind.values);
    }
  }
  const choiceCases = [...choices].map(([option, values]) =>
    `    ${option}) COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$word")); return ;;`
  );
  const commandCases = names.map((name) =>
    `    ${name}) options="${[...spellings(name), "--help"].join(" ")}" ;;`
  );
  return `# bash completion for rcopy
_rcopy() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names.join(" ")} help --help --version" -- "$word"))
    return
  fi
  case "$before" in
${choiceCases.join("\n")}
  esac
  case "\${COMP_WORDS[1]}" in
${commandCases.join("\n")}
    help) COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$word")); return ;;
  esac
  if [ "\${COMP_WORDS[1]}" = completions ]; then
    COMPREPLY=($(compgen -W "bash zsh fish" -- "$word"))
  elif [ "\${word#-}" != "$word" ]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _rcopy rcopy
`;
}

function zsh(): string {
  const quote = (text: string) =>
    text.replace(/['\[\]:\\]/g, (character) => character === "'" ? "'\\''" : `\\${character}`);
  const argument = ({ kind }: Row) => {
    if (kind.of === "switch") return "";
    return kind.of === "choice"
      ? `:value:(${kind.values.join(" ")})`
      : `:${kind.takes.toLowerCase().replace(":", "\\:")}:`;
  };
  const line = (option: Row) => {
    const star = option.kind.of === "list" ? "*" : "";
    const long = `'${star}--${option.name}[${quote(option.brief)}]${argument(option)}'`;
    return option.letter
      ? [`'${star}-${option.letter}[${quote(option.brief)}]${argument(option)}'`, long]
      : [long];
  };
  const cases = names.map((name) => {
    const help = "'--help[Show the help of this command]'";
    const rest = name === "completions" ? "'*:shell:(bash zsh fish)'" : "'*:file:_files'";
    return `    ${name}) _arguments -s ${[...optionsOf(name).flatMap(line), help, rest].join(" ")} ;;`;
  });
  cases.push(`    help) _arguments '*:command:(${names.join(" ")})' ;;`);
  const described = names.map((name) => `'${name}:${quote(commands[name].brief)}'`);
  return `#compdef rcopy
# zsh completion for rcopy
_rcopy() {
  if (( CURRENT == 2 )); then
    local -a commands=(${described.join(" ")} 'help:Show the help of a command' --help --version)
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_rcopy" ]; then _rcopy "$@"; else compdef _rcopy rcopy; fi
`;
}

function fish(): string {
  const quote = (text: string) => text.replace(/['\\]/g, "\\$&");
  const lines = [
    "# fish completion for rcopy",
    "complete -c rcopy -n __fish_use_subcommand -f -a help -d 'Show the help of a command'",
    "complete -c rcopy -n __fish_use_subcommand -l version -d 'Show the version'",
    "complete -c rcopy -l help -d 'Show help'",
    `complete -c rcopy -n '__fish_seen_subcommand_from help' -f -a '${names.join(" ")}'`,
  ];
  for (const name of names) {
    const brief = quote(commands[name].brief);
    lines.push(`complete -c rcopy -n __fish_use_subcommand -f -a ${name} -d '${brief}'`);
    for (const option of optionsOf(name)) {
      const letter = option.letter ? ` -s ${option.letter}` : "";
      const values = option.kind.of === "choice" ? ` -x -a '${option.kind.values.join(" ")}'` : "";
      const takes = "takes" in option.kind ? " -x" : "";
      const condition = `-n '__fish_seen_subcommand_from ${name}'`;
      lines.push(
        `complete -c rcopy ${condition}${letter} -l ${option.name}${values}${takes} -d '${
          quote(option.brief)
        }'`,
      );
    }
  }
  lines.push("complete -c rcopy -n '__fish_seen_subcommand_from completions' -f -a 'bash zsh fish'");
  return `${lines.join("\n")}\n`;
}
