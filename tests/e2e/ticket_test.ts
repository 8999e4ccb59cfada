/** Tickets, used as people use them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeTicket } from "../../src/security/anchor/ticket.ts";
import { type Outcome, RcopyProcess } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, shell, withFolder } from "../helpers/test_folder.ts";
import { changedTicket, secretForms, startTicketSender, ticketTo } from "../helpers/ticket_copy.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    makeSmallTree(`${folder}/a`, {
      directories: 4,
      filesPerDirectory: 8,
      sizeOf: (r) => Math.floor(r * 20_000),
    });
    await shell('head -c 9000000 /dev/urandom > "$1/a/large"', folder);
    await body(folder);
  });
}

async function run(args: string[], options = {}): Promise<Outcome> {
  await using process = new RcopyProcess(args, options);
  return await process.end();
}

function assertStatus(outcome: Outcome, status: number): void {
  assertEquals(outcome.status, status, `${outcome.stdout}${outcome.stderr}`);
}

const ways: [string, (ticket: string, dest: string) => [string[], Record<string, unknown>]][] = [
  ["an argument", (ticket, dest) => [["receive", ticket, dest], {}]],
  ["an argument in capitals", (ticket, dest) => [["receive", ticket.toUpperCase(), dest], {}]],
  ["standard input", (ticket, dest) => [["receive", "-", dest], { stdin: `${ticket}\n` }]],
  ["the environment", (ticket, dest) => [["receive", dest], { env: { RCOPY_TICKET: ticket } }]],
];
for (const [name, commandOf] of ways) {
  Deno.test(`a tree arrives by a ticket from ${name}`, async () => {
    await withTree(async (folder) => {
      const { sender, ticket } = await startTicketSender([`${folder}/a`]);
      await using _sender = sender;
      const [args, options] = commandOf(ticket, `${folder}/b`);
      const received = await run(args, options);
      const sent = await sender.end();
      assertStatus(received, 0);
      assertStatus(sent, 0);
      await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
      assertEquals(sent.stdout, `rcopy receive ${ticket} a\n`);
      assertEquals(
        received.stderr.includes("list of processes shows the ticket"),
        name.startsWith("an argument"),
      );
      for (const form of secretForms(ticket)) {
        assert(!`${sent.stderr}${received.stdout}${received.stderr}`.includes(form), "the ticket leaked");
      }
    });
  });
}

Deno.test("without DEST a ticket fetches into a folder of the sender's name", async () => {
  await withTree(async (folder) => {
    await Deno.mkdir(`${folder}/b`);
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    assertStatus(await run(["receive", ticket], { cwd: `${folder}/b` }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b/a`, comparisonOf());
  });
});

Deno.test("a mistyped ticket is called that, before any connection", async () => {
  await withTree(async (folder) => {
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const wrong = `${ticket.slice(0, 30)}${ticket[30] === "a" ? "b" : "a"}${ticket.slice(31)}`;
    for (const word of [wrong, ticket.slice(0, -1), `${ticket}a`]) {
      const { status, stderr } = await run(["receive", word, `${folder}/b`]);
      assertEquals(status, 2, stderr);
      assertMatch(stderr, /the ticket is mistyped or cut off/);
    }
    await assertNothingIn(`${folder}/b`);
    sender.kill("SIGINT");
    const { status, stderr } = await sender.end();
    assertEquals(status, 130);
    assert(!stderr.includes("closed a connection"), stderr);
  });
});

Deno.test("a wrong secret costs its sender the connection, and nobody else anything", async () => {
  await withTree(async (folder) => {
    const { sender, ticket } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const guess = changedTicket(ticket, { secret: new Uint8Array(16) });
    const refused = await run(["receive", guess, `${folder}/b`]);
    assertStatus(refused, 3);
    assertMatch(refused.stderr, /secret of the ticket is not the one of this run/);
    await assertNothingIn(`${folder}/b`);
    assertStatus(await run(["receive", ticket, `${folder}/c`]), 0);
    assertStatus(await sender.end(), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/c`, comparisonOf());
  });
});

Deno.test("a ticket is spent by the first transfer", async () => {
  await withTree(async (folder) => {
    const once = await startTicketSender([`${folder}/a`]);
    await using _once = once.sender;
    assertStatus(await run(["receive", once.ticket, `${folder}/b`]), 0);
    assertStatus(await once.sender.end(), 0);
    assertStatus(await run(["receive", once.ticket, `${folder}/c`]), 4);
  });
});

Deno.test("tickets of two runs on one port are not the same", async () => {
  await withTree(async (folder) => {
    // With an SSH key as anchor it would be the secret that differs.
    const first = await startTicketSender(["--auth", "ticket", `${folder}/a`]);
    first.sender.kill("SIGINT");
    await first.sender.end();
    const second = await startTicketSender(["--auth", "ticket", `${folder}/a`]);
    await using _second = second.sender;
    const old = ticketTo(first.ticket, { host: "127.0.0.1", port: second.port });
    const refused = await run(["receive", old, `${folder}/b`]);
    assertStatus(refused, 3);
    assertMatch(refused.stderr, /is not the peer that was meant/);
    assertStatus(await run(["receive", second.ticket, `${folder}/c`]), 0);
    await second.sender.end();
  });
});

Deno.test("-a and --advertise add addresses, and those that lead nowhere do no harm", async () => {
  await withTree(async (folder) => {
    const args = ["--advertise", "127.0.0.1:1", "--advertise", "localhost", "--keep", `${folder}/a`];
    const { sender, ticket, port } = await startTicketSender(args);
    await using _sender = sender;
    assertEquals(decodeTicket(ticket).addresses, [
      { host: "127.0.0.1", port: 1 },
      { host: "localhost", port },
      { host: "127.0.0.1", port },
    ]);
    assertStatus(await run(["receive", ticket, `${folder}/b`]), 0);
    const lost = changedTicket(ticket, { addresses: [] });
    const nowhere = await run(["receive", lost, `${folder}/c`]);
    assertStatus(nowhere, 2);
    assertMatch(nowhere.stderr, /names no address; name the sender's with -a/);
    assertStatus(await run(["receive", "-a", `127.0.0.1:${port}`, lost, `${folder}/c`]), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/c`, comparisonOf());
  });
});

Deno.test("a receiver without a ticket, and one with too much, is told what to do", async () => {
  const { ticket, sender } = await startTicketSender(["."]);
  await using _sender = sender;
  for (
    const [args, pattern] of [
      [["receive"], /needs the ticket that rcopy send printed/],
      [["receive", "dest"], /needs the ticket that rcopy send printed/],
      [
        ["receive", "--auth", "ticket", "-a", "127.0.0.1:9", "dest"],
        /needs the ticket that rcopy send printed/,
      ],
      [["receive", "--auth", "ssh", "dest"], /or -a HOST:PORT where SSH keys are known/],
      [["receive", "--auth", "ssh", ticket], /--auth ssh takes no ticket/],
      [
        ["receive", "--allow", "nothing like it", "-a", "127.0.0.1:9", "dest"],
        /neither a public key .* nor a file/,
      ],
      [["receive", "x", "y"], /none of them is a ticket/],
      [["receive", "--insecure", "-a", "127.0.0.1:9", ticket], /leave out --insecure, or the ticket/],
      [["receive", ticket, "x", "y"], /takes one DEST and got 2/],
      [["receive", "-", "x"], /no ticket on standard input/],
    ] as [string[], RegExp][]
  ) {
    const { status, stderr } = await run(args);
    assertEquals(status, 2, stderr);
    assertMatch(stderr, pattern);
  }
});

Deno.test("--json has the ticket in the event that says listening, and nowhere else", async () => {
  await withTree(async (folder) => {
    await using sender = new RcopyProcess([
      "send",
      "-l",
      "-p",
      "0",
      "--json",
      "--log-level",
      "debug",
      `${folder}/a`,
    ]);
    const [, ticket] = await sender.stdoutMatch(/"ticket":"(rcopy1[a-z2-7]+)"/);
    const guess = changedTicket(ticket!, { secret: new Uint8Array(16).fill(7) });
    const refused = await run(["receive", "--json", "--log-level", "debug", guess, `${folder}/b`]);
    assertStatus(refused, 3);
    const received = await run(["receive", "--json", "--log-level", "debug", ticket!, `${folder}/b`]);
    assertStatus(received, 0);
    const sent = await sender.end();
    assertStatus(sent, 0);
    const [line, ...others] = sent.stdout.split("\n").toSorted((a, b) =>
      Number(b.includes("listening")) - Number(a.includes("listening"))
    );
    const event = JSON.parse(line!);
    assertEquals([event.type, event.command], ["listening", `rcopy receive ${ticket} a`]);
    const rest = [
      others.join("\n"),
      sent.stderr,
      ...[received, refused].flatMap((it) => [it.stdout, it.stderr]),
    ];
    for (const form of [...secretForms(ticket!), ...secretForms(guess)]) {
      for (const text of rest) assert(!text.includes(form), "the ticket leaked");
    }
  });
});

/** DEST itself may have been made, once somebody answered. */
async function assertNothingIn(path: string): Promise<void> {
  assertEquals(await shell('test ! -e "$1" || find "$1" -mindepth 1', path), "");
}
