import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { commands } from "./options.ts";
import { parseCommandLine } from "./parse.ts";

async function parsed(...argv: string[]) {
  const invocation = await parseCommandLine(argv, "1.2.3");
  if (invocation.of !== "command") throw new Error(`gave text: ${invocation.text}`);
  return { command: invocation.command, flags: { ...invocation.flags }, args: invocation.args };
}

async function complaint(...argv: string[]): Promise<string> {
  const error = await assertRejects(() => parseCommandLine(argv, "1.2.3"), RcopyError) as RcopyError;
  assertEquals(error.exitStatus, 2);
  return error.message;
}

Deno.test("options and operands come in any order, short, long and with =", async () => {
  const expected = { command: "send", flags: { port: 0, local: true, insecure: true }, args: ["a", "b"] };
  assertEquals(await parsed("send", "--insecure", "-l", "-p", "0", "a", "b"), expected);
  assertEquals(await parsed("send", "a", "--port=0", "b", "--local", "--insecure"), expected);
});

Deno.test("-a is repeatable and takes names, IPv4 and IPv6", async () => {
  const { flags } = await parsed(
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

Deno.test("what follows doctor is taken as it is", async () => {
  assertEquals(await parsed("doctor", "--json", "send", "-p", "0", "--insecure", "x"), {
    command: "doctor",
    flags: { json: true },
    args: ["send", "-p", "0", "--insecure", "x"],
  });
});

Deno.test("send takes the receiver's options, and says in its help with what", async () => {
  const { flags } = await parsed("send", "--durable", "--dry-run", "--exists=skip", "a", "h:b");
  assertEquals(flags, { durable: true, "dry-run": true, exists: "skip" });
  const help = await parseCommandLine(["help", "send"], "1.2.3");
  if (help.of !== "text") throw new Error("no text");
  for (const name of ["exists", "durable", "dry-run"]) {
    assertMatch(help.text, new RegExp(`--${name}\\b.*With HOST:DEST: `));
  }
});

Deno.test("an operand after -- may begin with a dash", async () => {
  assertEquals((await parsed("send", "--", "-rf")).args, ["-rf"]);
});

const wrong: [string[], RegExp][] = [
  [["send", "--prot", "1", "x"], /no option --prot; did you mean --port\?/],
  [["send", "--insecre", "x"], /did you mean --insecure/],
  [["recieve"], /no command "recieve"; did you mean.*receive/],
  [["send", "-p", "70000", "x"], /--port: "70000" is not a port; write a number from 0 to 65535/],
  [["send", "-p", "x"], /--port: "x" is not a port/],
  [["send", "x", "-p"], /--port/],
  [["receive", "--exists", "maybe"], /--exists: "maybe" is not one of changed, skip, replace, fail/],
  [["receive", "-a", "host"], /--address: "host" is not an address; write HOST:PORT/],
  [["receive", "-a", "::1:3120"], /an IPv6 address stands in brackets/],
  [["receive", "-a", "host:0"], /port 0/],
  [["send", "--timeout", "5"], /--timeout: "5" is not a duration; write 500ms, 30s, 5m or 1h/],
  [["send", "--timeout", "10ms"], /--timeout: 10ms is out of range/],
  [["send", "-z"], /no option -z/],
  [["send", "--exists", "maybe", "x", "h:y"], /--exists: "maybe" is not one of changed, skip, replace, fail/],
];

for (const [argv, message] of wrong) {
  Deno.test(`${argv.join(" ")} is refused with status 2, naming the option and what it takes`, async () => {
    assertMatch(await complaint(...argv), message);
  });
}

Deno.test("--help, help and help COMMAND give text that names every option of the table", async () => {
  for (const argv of [["--help"], ["help"], []]) {
    const invocation = await parseCommandLine(argv, "1.2.3");
    if (invocation.of !== "text") throw new Error("no text");
    for (const name of Object.keys(commands)) assertMatch(invocation.text, new RegExp(`\\b${name}\\b`));
  }
  for (const [name, { options }] of Object.entries(commands)) {
    for (const argv of [["help", name], [name, "--help"]]) {
      const invocation = await parseCommandLine(argv, "1.2.3");
      if (invocation.of !== "text") throw new Error("no text");
      for (const option of options) assertMatch(invocation.text, new RegExp(`--${option.name}\\b`));
    }
  }
});

Deno.test("--version gives the version alone", async () => {
  const invocation = await parseCommandLine(["--version"], "1.2.3");
  assertEquals(invocation, { of: "text", text: "1.2.3\n" });
});

Deno.test("usage lines are short, and help says what each option takes and its default", async () => {
  const root = await parseCommandLine([], "1.2.3");
  const send = await parseCommandLine(["help", "send"], "1.2.3");
  if (root.of !== "text" || send.of !== "text") throw new Error("no text");
  assertMatch(
    root.text,
    /^ {2}rcopy receive \[options\] \[-a HOST:PORT\]\.\.\. \[TICKET \| \[USER@\]HOST:PATH\] \[DEST\]$/m,
  );
  assertMatch(send.text, /^ {2}rcopy send \[options\] PATH\.\.\. \[\[USER@\]HOST:DEST\]$/m);
  assertMatch(send.text, /-p \[--port\] .*\(N; default: 3120\)/);
});
