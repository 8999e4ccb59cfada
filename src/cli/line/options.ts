/** The one table of commands and options: parsing, help and completions are made from it. */
import { RcopyError } from "../../base/errors.ts";
import { parseDuration } from "../../base/units.ts";
import { streamsMax } from "../../wire/limits.ts";
import { commandWords } from "./remote_path.ts";

/** What an option takes. */
export type OptionKind =
  | { of: "switch" }
  | { of: "choice"; values: readonly string[] }
  | { of: "value"; takes: string; parse: (text: string) => unknown; repeatable?: boolean };

export interface Option {
  /** Without dashes. */
  name: string;
  letter?: string;
  kind: OptionKind;
  /** One line. */
  brief: string;
  /** As shown in help. */
  byDefault?: string;
}

const insecure: Option = {
  name: "insecure",
  kind: { of: "switch" },
  brief: "Plain TCP without authentication or encryption; both ends must say so",
};
const auth: Option = {
  name: "auth",
  kind: { of: "choice", values: ["auto", "ticket", "ssh"] },
  brief: "How the two ends prove themselves: by the ticket, by SSH keys, or by either",
  byDefault: "auto",
};
const identity: Option = {
  name: "identity",
  kind: { of: "value", takes: "FILE|FINGERPRINT", parse: parseIdentity },
  brief: "The SSH key to use",
  byDefault: "those of ssh-agent, then of ~/.ssh",
};
const allow: Option = {
  name: "allow",
  kind: { of: "value", takes: "KEY|FILE", parse: parseAllowed, repeatable: true },
  brief: "An SSH public key to accept from the other end, in this run",
};
const io: Option = {
  name: "io",
  kind: { of: "choice", values: ["auto", "uring", "deno"] },
  brief: "File engine; uring fails with the reason where it cannot be had",
  byDefault: "auto",
};
const streams: Option = {
  name: "streams",
  kind: { of: "value", takes: "N|auto", parse: parseStreams },
  brief: "Data connections, 1 to 32; the smaller of both ends' limits wins; auto adds while they pay",
  byDefault: "auto",
};
const timeout: Option = {
  name: "timeout",
  kind: { of: "value", takes: "DURATION", parse: parseTimeout },
  brief: "Give up after this long without a byte from the peer, 1s to 24h",
  byDefault: "30s",
};
const json: Option = {
  name: "json",
  kind: { of: "switch" },
  brief: "Events on standard output, one JSON object a line",
};
const quiet: Option = {
  name: "quiet",
  letter: "q",
  kind: { of: "switch" },
  brief: "No progress and no summary, only errors",
};
const logLevel: Option = {
  name: "log-level",
  kind: { of: "choice", values: ["error", "warn", "info", "debug"] },
  brief: "How much to say on standard error",
  byDefault: "info",
};
const rsh: Option = {
  name: "rsh",
  kind: { of: "value", takes: "COMMAND", parse: parseCommand },
  brief: "How to reach HOST of HOST:PATH: ssh, with options of its own if need be",
  byDefault: "ssh",
};
const remoteRcopy: Option = {
  name: "remote-rcopy",
  kind: { of: "value", takes: "PATH", parse: parseCommand },
  brief: "The rcopy to start on HOST, with arguments of its own if need be",
  byDefault: "rcopy",
};
const common = [
  rsh,
  remoteRcopy,
  auth,
  identity,
  allow,
  insecure,
  streams,
  io,
  timeout,
  json,
  quiet,
  logLevel,
];

/** Options of an end that listens. */
const listening: readonly Option[] = [
  {
    name: "port",
    letter: "p",
    kind: { of: "value", takes: "N", parse: parsePort },
    brief: "Port to listen on; 0 takes any free one",
    byDefault: "3120",
  },
  { name: "local", letter: "l", kind: { of: "switch" }, brief: "Listen on loopback only" },
  {
    name: "bind",
    kind: { of: "value", takes: "ADDR", parse: parseBind },
    brief: "Address to listen on",
    byDefault: "all, IPv6 and IPv4",
  },
  {
    name: "advertise",
    kind: { of: "value", takes: "HOST[:PORT]", parse: parseAdvertised, repeatable: true },
    brief: "An address to put first: a public name, a forwarded port",
  },
  {
    name: "end-with-stdin",
    kind: { of: "switch" },
    brief: "End when standard input does; rcopy starts the other end through ssh so, to end it with its ssh",
  },
];

/** Options of the end that writes. */
const placing: readonly Option[] = [
  {
    name: "exists",
    kind: { of: "choice", values: ["changed", "skip", "replace", "fail"] },
    brief: "What happens to files that exist already",
    byDefault: "changed",
  },
  {
    name: "durable",
    kind: { of: "switch" },
    brief: "Everything on stable storage before the sender gets its receipt",
  },
  { name: "dry-run", kind: { of: "switch" }, brief: "Show what would be copied, write nothing" },
];

/** Names of the options that a sender passes on to the receiver that it starts. */
export const placingNames: readonly string[] = placing.map(({ name }) => name);

/** Where the other end listens, for one that dials. */
const address: Option = {
  name: "address",
  letter: "a",
  kind: { of: "value", takes: "HOST:PORT", parse: parseAddress, repeatable: true },
  brief: "Where the other end listens: name, IPv4 or [IPv6]; tried before the ticket's addresses",
};

/** Options of `rcopy send`, in the order of its help. */
export const sendOptions: readonly Option[] = [
  ...listening,
  {
    name: "keep",
    kind: { of: "switch" },
    brief: "Go on serving after a receiver has finished, many at once",
  },
  {
    name: "to",
    kind: { of: "value", takes: "TICKET", parse: String },
    brief: "Connect to a receiver that listens; - reads the ticket from standard input",
  },
  address,
  ...placing.map((option) => ({ ...option, brief: `With HOST:DEST: ${lowered(option.brief)}` })),
  ...common,
];

/** Options of `rcopy receive`. */
export const receiveOptions: readonly Option[] = [
  address,
  {
    name: "listen",
    kind: { of: "switch" },
    brief: "Wait for the sender to connect, and print the line to run there",
  },
  ...listening,
  ...placing,
  ...common,
];

/** Options of `rcopy doctor`, which stand before the command line that it looks at. */
export const doctorOptions: readonly Option[] = [
  { name: "json", kind: { of: "switch" }, brief: "The findings as one JSON object" },
];

/** Names and one-line descriptions of the commands. */
export const commands = {
  send: {
    brief: "Serve files and directories to a receiver, or bring them to HOST through ssh",
    options: sendOptions,
    usage: "[options] PATH... [[USER@]HOST:DEST]",
  },
  receive: {
    brief: "Fetch what a sender serves, or what HOST has, through ssh",
    options: receiveOptions,
    usage: "[options] [-a HOST:PORT]... [TICKET | [USER@]HOST:PATH] [DEST]",
  },
  doctor: {
    brief: "What this machine can do and what limits it; for a command line, its permission flags",
    options: doctorOptions,
    usage: "[--json] [COMMAND...]",
  },
  completions: { brief: "Print the completions for a shell", options: [], usage: "bash|zsh|fish" },
} as const satisfies Record<string, { brief: string; options: readonly Option[]; usage: string }>;

export type CommandName = keyof typeof commands;

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** @throws {RcopyError} `usage` */
function parseIdentity(text: string): string {
  if (text !== "") return text;
  throw new RcopyError("usage", "a key file is needed, or a fingerprint as ssh-add -l shows it");
}

/** Read later, as it may be a file. @throws {RcopyError} `usage` */
function parseAllowed(text: string): string {
  if (text !== "") return text;
  throw new RcopyError("usage", 'a public key is needed ("ssh-ed25519 AAAA..."), or a file of such keys');
}

/** Cut into words later. @throws {RcopyError} `usage` */
function parseCommand(text: string): string {
  commandWords(text);
  return text;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) {
    throw new RcopyError("usage", `"${text}" is not a port; write a number from 0 to 65535`);
  }
  return port;
}

function parseStreams(text: string): number | "auto" {
  if (text === "auto") return text;
  const count = /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= streamsMax) return count;
  throw new RcopyError(
    "usage",
    `"${text}" is no number of data connections; take 1 to ${streamsMax}, or auto`,
  );
}

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms < 1000 || ms > 86_400_000) throw new RcopyError("usage", `${text} is out of range; take 1s to 24h`);
  return ms;
}

function parseBind(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (bare === "") throw new RcopyError("usage", "an address to listen on is needed, as in 192.0.2.7 or ::1");
  return bare;
}

/** HOST, HOST:PORT, [IPv6], [IPv6]:PORT, and an IPv6 address alone. @throws {RcopyError} `usage` */
function parseAdvertised(text: string): { host: string; port?: number } {
  const bare = /^\[([0-9A-Fa-f:.]+)\]$/.exec(text)?.[1] ??
    /^([\w.-]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/.exec(text)?.[1];
  return bare === undefined ? parseAddress(text) : { host: bare };
}

/** HOST:PORT, [IPv6]:PORT. @throws {RcopyError} `usage` */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^\[([0-9A-Fa-f:.%\w]+)\]:(\d+)$/.exec(text) ?? /^([^:\s[\]]+):(\d+)$/.exec(text);
  if (!match) {
    const hint = text.includes(":") && !text.startsWith("[") && text.split(":").length > 2
      ? "an IPv6 address stands in brackets, as in [2001:db8::1]:3120"
      : "write HOST:PORT, as in 192.0.2.7:3120";
    throw new RcopyError("usage", `"${text}" is not an address; ${hint}`);
  }
  const port = parsePort(match[2]!);
  if (port === 0) {
    throw new RcopyError("usage", `"${text}" names port 0; write the port that the sender printed`);
  }
  return { host: match[1]!, port };
}
