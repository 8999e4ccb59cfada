import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { helpText } from "./help.ts";
import { commandNames, optionsOf } from "./options.ts";
import { parseCommandLine, wordOf } from "./parse.ts";

function parsed(...argv: string[]) {
  const invocation = parseCommandLine(argv);
  if (invocation.of !== "command") throw new Error(`asks for ${invocation.of}`);
  const { command, flags, operands } = invocation.line;
  return { command, flags, operands };
}

/** The help that a command line asks for. */
function help(...argv: string[]): string {
  const invocation = parseCommandLine(argv);
  if (invocation.of !== "help") throw new Error(`asks for ${invocation.of}`);
  return helpText(invocation.command, 1000);
}

function complaint(...argv: string[]): string {
  const error = assertThrows(() => parseCommandLine(argv), RcopyError);
  assertEquals(error.exitStatus, 2);
  return error.message;
}

Deno.test("help is as wide as the terminal, and says the same at every width", () => {
  for (const name of [undefined, ...commandNames]) {
    const words = helpText(name, 1000).split(/\s+/);
    for (const width of [80, 120]) {
      const text = helpText(name, width);
      assertEquals(text.split(/\s+/), words);
      assertEquals(text.split("\n").filter((line) => line.length > width), [], `${name} ${width}`);
    }
  }
});

Deno.test("options and operands come in any order, short, long and with =", () => {
  const expected = { command: "send", flags: { port: 0, local: true, insecure: true }, operands: ["a", "b"] };
  assertEquals(parsed("send", "--insecure", "-l", "-p", "0", "a", "b"), expected);
  assertEquals(parsed("send", "a", "--port=0", "b", "--local", "--insecure"), expected);
});

Deno.test("-a is repeatable and takes names, IPv4 and IPv6", () => {
  const { flags } = parsed(
    "receive",
    "-a",
    "host:3120",
    "-a",
    "192.0.2.7:1",
    "-a",
    "[2001:db8::1]:65535",
  );
  assertEquals(flags.address, [
    { host: "host", port: 3120 },
    { host: "192.0.2.7", port: 1 },
    { host: "2001:db8::1", port: 65535 },
  ]);
});

Deno.test("what follows doctor is taken as it is", () => {
  assertEquals(parsed("doctor", "--json", "send", "-p", "0", "--insecure", "x"), {
    command: "doctor",
    flags: { json: true },
    operands: ["send", "-p", "0", "--insecure", "x"],
  });
});

Deno.test("send takes the receiver's options, and says in its help with what", () => {
  const { flags } = parsed("send", "--durable", "--dry-run", "--exists=skip", "a", "h:b");
  assertEquals(flags, { durable: true, "dry-run": true, exists: "skip" });
  for (const name of ["exists", "durable", "dry-run"]) {
    assertMatch(help("help", "send"), new RegExp(`--${name}\\b.*With HOST:DEST: `));
  }
});

Deno.test("an operand after -- may begin with a dash", () => {
  assertEquals((parsed("send", "--", "-rf")).operands, ["-rf"]);
});

Deno.test("letters may stand in one word, and a value behind its letter", () => {
  const expected = { command: "send", flags: { quiet: true, local: true, port: 7 }, operands: ["x"] };
  for (const words of [["-qlp7"], ["-ql", "-p7"], ["-qlp", "7"], ["-lqp=7"]]) {
    assertEquals(parsed("send", ...words, "x"), expected);
  }
});

Deno.test("a dash alone is an operand, or the value of an option", () => {
  assertEquals(parsed("receive", "-", "x").operands, ["-", "x"]);
  assertEquals(parsed("send", "--to", "-", "x").flags, { to: "-" });
});

Deno.test("an option as it was typed can be given to another rcopy", () => {
  const typed = ["--port=1", "--local", "--advertise=a", "--advertise=[::1]:5", "--timeout=90s"];
  const invocation = parseCommandLine(["send", ...typed, "x"]);
  if (invocation.of !== "command") throw new Error(`asks for ${invocation.of}`);
  assertEquals(invocation.line.given.map(wordOf), typed);
});

const wrong: [string[], RegExp][] = [
  [["send", "--prot", "1", "x"], /no option --prot; did you mean --port\?/],
  [["send", "--insecre", "x"], /did you mean --insecure/],
  [["recieve"], /no command "recieve"; did you mean.*receive/],
  [["send", "-p", "70000", "x"], /--port: "70000" is not a port; write a number from 0 to 65535/],
  [["send", "-p", "x"], /--port: "x" is not a port/],
  [["send", "x", "-p"], /--port needs a value/],
  [["send", "--port", "--json", "x"], /--port needs a value/],
  [["send", "--json=maybe", "x"], /--json takes no value; leave out =maybe/],
  [["send", "--quiet", "-q", "x"], /--quiet can be given once only/],
  [["send", "-p1", "-p2", "x"], /--port can be given once only/],
  [["send", "-qz", "x"], /no option -z/],
  [["doctor", "-p", "1"], /no option -p/],
  [["help", "recieve"], /no command "recieve"/],
  [["xyzzy"], /no command "xyzzy"; see rcopy --help/],
  [["receive", "--exists", "maybe"], /--exists: "maybe" is not one of changed, skip, newer, replace, fail/],
  [["receive", "-a", "host"], /--address: "host" is not an address; write HOST:PORT/],
  [["receive", "-a", "::1:3120"], /an IPv6 address stands in brackets/],
  [["receive", "-a", "host:0"], /port 0/],
  [
    ["send", "--timeout", "5"],
    /--timeout: "5" is not a duration; write a number with its unit, as in 30s, 5m or 1h/,
  ],
  [["send", "--timeout", "10ms"], /--timeout: 10ms is out of range/],
  [["send", "-z"], /no option -z/],
  [
    ["send", "--exists", "maybe", "x", "h:y"],
    /--exists: "maybe" is not one of changed, skip, newer, replace, fail/,
  ],
];

for (const [argv, message] of wrong) {
  Deno.test(`${argv.join(" ")} is refused with status 2, naming the option and what it takes`, () => {
    assertMatch(complaint(...argv), message);
  });
}

Deno.test("--help, help and help COMMAND give text that names every option of the table", () => {
  for (const argv of [["--help"], ["help"], [], ["-h"]]) {
    for (const name of commandNames) assertMatch(help(...argv), new RegExp(`\\b${name}\\b`));
  }
  for (const name of commandNames) {
    for (const argv of [["help", name], [name, "--help"], [name, "x", "-h"]]) {
      for (const option of optionsOf(name)) assertMatch(help(...argv), new RegExp(`--${option.name}\\b`));
      if (name === "doctor") break; // what follows its first operand is data
    }
  }
});

Deno.test("--version and -v ask for the version", () => {
  for (const argv of [["--version"], ["-v"]]) assertEquals(parseCommandLine(argv), { of: "version" });
});

Deno.test("usage lines are short, and help says what each option takes and its default", () => {
  assertMatch(
    help(),
    /^ {2}rcopy receive \[options\] \[-a HOST:PORT\]\.\.\. \[TICKET \| \[USER@\]HOST:PATH\] \[DEST\]$/m,
  );
  assertMatch(help("help", "send"), /^ {2}rcopy send \[options\] PATH\.\.\. \[\[USER@\]HOST:DEST\]$/m);
  assertMatch(help("help", "send"), /-p \[--port\] .*\(N; default: 3120\)/);
});
