/** The one table of commands and options: parsing, help, completions and the library's options are made from it. */
import { parseAddress, parsePort } from "../../net/address.ts";
import { aSwitch, list, oneOf, type Option, option, value, type ValueOf } from "./option.ts";
import {
  parseAdvertised,
  parseAllowed,
  parseBind,
  parseCommand,
  parseIdentity,
  parsePatience,
  parseStreams,
  parseTimeout,
} from "./values.ts";

/** Options of an end that listens. */
const listening = {
  port: option({
    letter: "p",
    kind: value("N", parsePort),
    brief: "Port to listen on; 0 takes any free one",
    byDefault: "3120",
    field: "port",
    passedTo: "any",
  }),
  local: option({
    letter: "l",
    kind: aSwitch,
    brief: "Listen on loopback only",
    field: "local",
    passedTo: "any",
  }),
  bind: option({
    kind: value("ADDR", parseBind),
    brief: "Address to listen on",
    byDefault: "all, IPv6 and IPv4",
    field: "bind",
    passedTo: "any",
  }),
  advertise: option({
    kind: list("HOST[:PORT]", parseAdvertised),
    brief: "An address to put first: a public name, a forwarded port",
    field: "advertise",
    passedTo: "any",
  }),
  "end-with-stdin": option({
    kind: aSwitch,
    brief: "End when standard input does; rcopy starts the other end through ssh so, to end it with its ssh",
  }),
};

/** Options of an end that listens, or of one that dials. */
const meeting = {
  keep: option({
    kind: aSwitch,
    brief: "Go on serving after a receiver has finished, many at once",
    field: "keep",
  }),
  to: option({
    kind: value("TICKET", String),
    brief: "Connect to a receiver that listens; - reads the ticket from standard input",
  }),
  address: option({
    letter: "a",
    kind: list("HOST:PORT", parseAddress),
    brief: "Where the other end listens: name, IPv4 or [IPv6]; tried before the ticket's addresses",
    field: "addresses",
  }),
  listen: option({
    kind: aSwitch,
    brief: "Wait for the sender to connect, and print the line to run there",
    field: "listen",
  }),
};

/** Options of the end that reads. */
const offering = {
  "as-folder": option({
    kind: aSwitch,
    brief: "Send one directory under its name, as several PATHs are, and not its contents alone",
    field: "asFolder",
    passedTo: "sender",
  }),
};

/** Options of the end that writes. */
const placing = {
  exists: option({
    kind: oneOf("changed", "skip", "newer", "replace", "fail"),
    brief: "What happens to files that exist already",
    byDefault: "changed",
    field: "exists",
    passedTo: "receiver",
  }),
  dotfiles: option({
    kind: aSwitch,
    brief: "Also take what changes settings of a home (.bashrc, .ssh) or, as root, of this machine",
    field: "dotfiles",
    passedTo: "receiver",
  }),
  delta: option({
    kind: oneOf("auto", "never", "always"),
    brief:
      "Of files of 16 MiB and more that have changed, fetch only the blocks that differ; auto where the network is slow",
    byDefault: "auto",
    field: "delta",
    passedTo: "receiver",
  }),
  durable: option({
    kind: aSwitch,
    brief: "Everything on stable storage before the sender gets its receipt",
    field: "durable",
    passedTo: "receiver",
  }),
  "dry-run": option({
    kind: aSwitch,
    brief: "Show what would be copied, write nothing",
    field: "dryRun",
    passedTo: "receiver",
  }),
  yes: option({
    letter: "y",
    kind: aSwitch,
    brief: "Answer yes to every question about the destination",
    passedTo: "receiver",
  }),
};

/** What a receiver may do instead of a copy. */
const cleaning = {
  clean: option({
    kind: aSwitch,
    brief: "Copy nothing: list what interrupted copies left below DEST, and remove it after a question",
  }),
};

/** Options by which HOST:PATH is reached. */
const reaching = {
  rsh: option({
    kind: value("COMMAND", parseCommand),
    brief: "How to reach HOST of HOST:PATH: ssh, with options of its own if need be",
    byDefault: "ssh",
  }),
  "remote-rcopy": option({
    kind: value("PATH", parseCommand),
    brief: "The rcopy to start on HOST, with arguments of its own if need be; ~/ is the home there",
    byDefault: "rcopy, in the PATH or in ~/.deno/bin",
  }),
};

/** Options of both ends. */
const common = {
  auth: option({
    kind: oneOf("auto", "ticket", "ssh"),
    brief: "How the two ends prove themselves: by the ticket, by SSH keys, or by either",
    byDefault: "auto",
    field: "auth",
  }),
  identity: option({
    kind: value("FILE|FINGERPRINT", parseIdentity),
    brief: "The SSH key to use",
    byDefault: "those of ssh-agent, then of ~/.ssh",
    field: "identity",
  }),
  allow: option({
    kind: list("KEY|FILE", parseAllowed),
    brief: "An SSH public key to accept from the other end, in this run",
    field: "allow",
  }),
  insecure: option({
    kind: aSwitch,
    brief: "Plain TCP without authentication or encryption; both ends must say so",
    field: "insecure",
  }),
  streams: option({
    kind: value("N|auto", parseStreams),
    brief: "Data connections, 1 to 32; the smaller of both ends' limits wins; auto adds while they pay",
    byDefault: "auto",
    field: "streams",
  }),
  io: option({
    kind: oneOf("auto", "uring", "deno"),
    brief: "File engine; uring fails with the reason where it cannot be had",
    byDefault: "auto",
    field: "io",
  }),
  check: option({
    kind: aSwitch,
    brief: "Compare the content of files that are there, not size and time; holds if either end says so",
    field: "check",
    passedTo: "any",
  }),
  timeout: option({
    kind: value("DURATION", parseTimeout),
    brief: "Give up after this long without a byte from the peer, 1s to 24h",
    byDefault: "30s",
    field: "timeoutMs",
    passedTo: "any",
  }),
  patience: option({
    kind: value("DURATION", parsePatience),
    brief: "How long a session that was lost is looked for again, 0s to 24h",
    byDefault: "10m",
    field: "patienceMs",
    passedTo: "any",
  }),
};

/** Options about what is printed. */
const printing = {
  json: option({ kind: aSwitch, brief: "Events on standard output, one JSON object a line" }),
  quiet: option({ letter: "q", kind: aSwitch, brief: "No progress and no summary, only errors" }),
  "log-level": option({
    kind: oneOf("error", "warn", "info", "debug"),
    brief: "How much to say on standard error",
    byDefault: "info",
  }),
};

/** Every option, by its name without dashes. */
export const options = {
  ...listening,
  ...meeting,
  ...offering,
  ...placing,
  ...cleaning,
  ...reaching,
  ...common,
  ...printing,
};

export type OptionName = keyof typeof options;

/** Values of options by name, of those that were given. */
export type Flags = { readonly [Name in OptionName]?: ValueOf<(typeof options)[Name]["kind"]> };

/** Options that have no meaning for an end that dials. */
export const listenerNames = [...namesOf(listening), "keep"] as const satisfies OptionName[];
/** Options that the receiver alone obeys, and those that only the sender does. */
export const placingNames = namesOf(placing);
export const offeringNames = namesOf(offering);
/** Options that have no meaning without HOST:PATH. */
export const reachingNames = namesOf(reaching);

const ofBoth = [...reachingNames, ...namesOf(common), ...namesOf(printing)];

export interface Command {
  /** One line. */
  brief: string;
  /** In the order of its help. */
  options: readonly OptionName[];
  /** The words behind the name of the command, as help shows them. */
  usage: string;
  operand: { name: string; brief: string };
  /** Words behind the first operand are operands, too. */
  endsOptions?: boolean;
}

/** The commands, in the order of the help. */
export const commands = {
  send: {
    brief: "Serve files and directories to a receiver, or bring them to HOST through ssh",
    options: [...namesOf(listening), "keep", "to", "address", ...offeringNames, ...placingNames, ...ofBoth],
    usage: "[options] PATH... [[USER@]HOST:DEST]",
    operand: {
      name: "PATH",
      brief:
        "What to serve: of one directory the contents, a file, several under their names; HOST:DEST at the end names " +
        "where it lands on another machine, which ssh reaches; ./a:b is a path here",
    },
  },
  receive: {
    brief: "Fetch what a sender serves, or what HOST has, through ssh",
    options: [
      "address",
      "listen",
      ...namesOf(listening),
      ...placingNames,
      ...namesOf(cleaning),
      ...offeringNames,
      ...ofBoth,
    ],
    usage: "[options] [-a HOST:PORT]... [TICKET | [USER@]HOST:PATH] [DEST]",
    operand: {
      name: "TICKET, HOST:PATH or DEST",
      brief:
        "The ticket that send printed (- reads it from standard input; RCOPY_TICKET works too), or HOST:PATH on " +
        "another machine, which ssh reaches; then where it lands: the contents of a directory in DEST, one file as DEST, or " +
        "in it where DEST is a directory or ends in a slash, several in DEST (default: the sender's name for it, in the " +
        "current directory; for several the current directory)",
    },
  },
  doctor: {
    brief: "What this machine can do and what limits it; for a command line, its permission flags",
    options: ["json"],
    usage: "[--json] [COMMAND...]",
    operand: { name: "COMMAND", brief: "A command line of rcopy to look at" },
    endsOptions: true,
  },
  completions: {
    brief: "Print the completions for a shell",
    options: [],
    usage: "bash|zsh|fish",
    operand: { name: "SHELL", brief: "bash, zsh or fish" },
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

/** The names of the commands, in the order of the help. */
export const commandNames = Object.keys(commands) as CommandName[];

/** The rows of a command's options, as its help and the completions show them. */
export function optionsOf(command: CommandName): (Option & { name: OptionName })[] {
  const { options: names }: Command = commands[command];
  return names.map((name) => {
    const row: Option = options[name];
    const isOther = row.passedTo === (command === "send" ? "receiver" : "sender");
    if (!isOther) return { name, ...row };
    return {
      name,
      ...row,
      brief: `With ${command === "send" ? "HOST:DEST" : "HOST:PATH"}: ${row.brief.charAt(0).toLowerCase()}${
        row.brief.slice(1)
      }`,
    };
  });
}

function namesOf<Rows extends object>(rows: Rows): (keyof Rows)[] {
  return Object.keys(rows) as (keyof Rows)[];
}
