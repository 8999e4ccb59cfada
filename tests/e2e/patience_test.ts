/** `--patience`: a session that is lost goes on in the same run, and its ends count as one. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { settlesWithin } from "../../src/base/deadline.ts";
import { Namespaces, whyNoNamespaces } from "../helpers/namespaces.ts";
import { type ConnectionKind, Proxy } from "../helpers/proxy.ts";
import { type Outcome, RcopyProcess, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { comparisonOf, shell, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender, ticketTo } from "../helpers/ticket_copy.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

/** A tree of 81 files, 8 directories and a link; the large file is last in the manifest as it is in the alphabet. */
async function makeTree(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/a`);
  makeSmallTree(`${folder}/a`, {
    directories: 8,
    filesPerDirectory: 10,
    sizeOf: (random) => 20_000 + Math.floor(random * 60_000),
  });
  await shell('head -c 12000000 /dev/urandom > "$1/a/large" && ln -s large "$1/a/z-link"', folder);
}

type Summary = Record<string, unknown> & { role: string; elapsedMs: number; wireBytes: number };

/** The summary that a run with `--json` ended with. */
function summaryOf({ status, stdout, stderr }: Outcome): Summary {
  assertEquals(status, 0, stderr);
  const [event] = stdout.trim().split("\n").map((line) => JSON.parse(line)).filter(({ type }) =>
    type === "done"
  );
  return event.summary;
}

/** Both ends count the same, all of the tree is copied, and nothing twice. */
async function assertOneCopy(folder: string, sent: Outcome, received: Outcome): Promise<void> {
  await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
  const [there, here] = [summaryOf(sent), summaryOf(received)];
  const same = ({ role: _, elapsedMs: __, wireBytes: ___, ...rest }: Summary) => rest;
  assertEquals(same(there), same(here));
  const counted = async (test: string) =>
    Number(await shell(`cd "$1/a" && find . -mindepth 1 ${test} | wc -l`, folder));
  assertEquals([here.files, here.links, here.skipped, here.failed], [
    await counted("-type f"),
    await counted("-type l"),
    0,
    0,
  ]);
  const bytes = Number(
    await shell(`cd "$1/a" && find . -type f -printf '%s\\n' | awk '{s+=$1} END {print s}'`, folder),
  );
  assertEquals(here.bytes, bytes);
  // The hash of a copy in one session.
  const whole = await copyInOne(folder);
  assertEquals(here.treeHash, whole.treeHash);
}

async function copyInOne(folder: string): Promise<Summary> {
  const options = { source: `${folder}/a`, target: `${folder}/whole`, receive: ["--json"] };
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  await using receiver = startReceiver(options, address);
  const received = await receiver.end();
  await sender.end();
  return summaryOf(received);
}

/** Progress never goes backwards, and is whole once. */
function assertForward({ stdout }: Outcome): void {
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const all = events.filter(({ type }) => type === "progress").map(({ progress }) => progress);
  for (const field of ["bytesDone", "entriesDone", "elapsedMs"]) {
    const values = all.map((progress) => progress[field]);
    assertEquals(values, values.toSorted((a, b) => a - b), field);
  }
  for (const { bytesDone, bytesTotal, skipped } of all) assert(bytesDone <= bytesTotal && skipped === 0);
}

const cuts: [what: string, kind: ConnectionKind | undefined, options: string[]][] = [
  ["control", "control", []],
  ["every data connection", "data", []],
  ["all connections", undefined, []],
  ["all connections, under --exists fail", undefined, ["--exists", "fail"]],
  ["all connections, under --exists replace", undefined, ["--exists", "replace"]],
];
for (const [what, kind, options] of cuts) {
  Deno.test(`a copy that loses ${what} up to three times goes on, and counts as one`, async () => {
    await withFolder(async (folder) => {
      await makeTree(folder);
      const ends = {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--json"],
        receive: ["--json", ...options],
      };
      const { sender, address } = await startSender(ends);
      await using _sender = sender;
      let cut = 0;
      await using proxy: Proxy = new Proxy(address, {
        onChunk: (_, __, total) => {
          if (total < 2_000_000 * (cut + 1) || cut === 3) return;
          cut++;
          proxy.cut(kind);
        },
      });
      await using receiver = startReceiver(ends, proxy.address);
      const [sent, received] = [await sender.end(), await receiver.end()];
      // A data connection that is opened anew may pass the proxy by.
      assert(cut === 3 || kind === "data" && cut > 0);
      // A data connection that is opened anew in time saves the session, and one goes on for a while without control.
      if (kind === undefined) assertEquals(proxy.count("control"), 4);
      else if (kind === "control") assert(proxy.count("control") > 1);
      await assertOneCopy(folder, sent, received);
      assertForward(sent);
      assertForward(received);
    });
  });
}

const why = whyNoNamespaces();

/** A sender that can be reached over a slow cable only, and what runs at its other end. */
interface Cable {
  folder: string;
  namespaces: Namespaces;
  sender: RcopyProcess;
  ticket: string;
  receive(...args: string[]): RcopyProcess;
  /** Some of the content has arrived. */
  isUnderWay(receiver: RcopyProcess): Promise<unknown>;
}

function testCable(name: string, body: (cable: Cable) => Promise<void>): void {
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: () =>
      withFolder(async (folder) => {
        await makeTree(folder);
        await using namespaces = await Namespaces.make();
        await namespaces.slowDown(30);
        const args = ["send", "--auth", "ticket", "--json", "--timeout", "2s", `${folder}/a`];
        await using sender = new RcopyProcess(args, { within: namespaces.within("sender") });
        const [, ticket] = await sender.stdoutMatch(/"ticket":"(rcopy1[a-z2-7]+)"/);
        await body({
          folder,
          namespaces,
          sender,
          ticket: ticket!,
          receive: (...more) =>
            new RcopyProcess(["receive", "--json", "--timeout", "2s", ...more, ticket!, `${folder}/b`], {
              within: namespaces.within("middle"),
            }),
          isUnderWay: (receiver) => receiver.stdoutMatch(/"entriesDone":[1-9]/),
        });
      }),
  });
}

const isLostAtReceiver = /"type":"session-lost","message":"[^"]*trying to connect again for 10 min/;
const isLostAtSender = /"type":"session-lost","message":"[^"]*waiting 10 min for it to come back/;

testCable("a cable that is pulled out longer than --timeout, and put in again", async (it) => {
  await using receiver = it.receive();
  await it.isUnderWay(receiver);
  await it.namespaces.plug(false);
  await Promise.all([receiver.stdoutMatch(isLostAtReceiver), it.sender.stdoutMatch(isLostAtSender)]);
  await it.namespaces.plug(true);
  const received = await receiver.end();
  await assertOneCopy(it.folder, await it.sender.end(), received);
  assertForward(received);
  assertMatch(received.stdout, /"type":"connected","peer":"10\.77\.1\.1:3120","returned":true/);
});

/** Looks that are taken for more data connections: on a busy machine the copy may end with fewer. */
const looksMax = 8;

/** The connections of a copy, once it has three for data, or a moment later. @throws if the copy is over */
async function lanesOf({ namespaces }: Cable): Promise<{ control: number; lanes: number[] }> {
  for (let look = 1;; look++) {
    const connections = await namespaces.connections();
    const { length } = connections.lanes;
    if (length >= 3 || (length > 0 && look >= looksMax)) return connections;
    if (length === 0 && look >= looksMax) throw new Error("the copy has no connection that could be reset");
  }
}

const resets: [what: string, reset: (it: Cable) => Promise<void>][] = [
  ["control", async (it) => it.namespaces.reset([(await lanesOf(it)).control])],
  ["one data connection after the other", async (it) => {
    for (const port of (await lanesOf(it)).lanes) await it.namespaces.reset([port]);
  }],
  ["everything at once", async (it) => {
    const { control, lanes } = await lanesOf(it);
    await it.namespaces.reset([control, ...lanes]);
  }],
];
for (const [what, reset] of resets) {
  testCable(`a reset of ${what}`, async (it) => {
    await using receiver = it.receive("--streams", "3");
    await it.isUnderWay(receiver);
    await reset(it);
    const received = await receiver.end();
    await assertOneCopy(it.folder, await it.sender.end(), received);
    assertForward(received);
  });
}

testCable("a receiver that gets another address", async (it) => {
  await using receiver = it.receive();
  await it.isUnderWay(receiver);
  await it.namespaces.readdress(it.namespaces.addresses.besideSender, "10.77.1.9");
  const received = await receiver.end();
  const sent = await it.sender.end();
  assertMatch(sent.stdout, /the receiver at 10\.77\.1\.9:\d+ is back, and the copy goes on/);
  await assertOneCopy(it.folder, sent, received);
});

for (const end of ["sender", "receiver"] as const) {
  testCable(`a ${end} that is stopped longer than --timeout, and goes on`, async (it) => {
    await using receiver = it.receive();
    await it.isUnderWay(receiver);
    const stopped = end === "sender" ? it.sender : receiver;
    stopped.kill("SIGSTOP");
    if (end === "sender") await receiver.stdoutMatch(isLostAtReceiver);
    else await it.sender.stdoutMatch(isLostAtSender);
    stopped.kill("SIGCONT");
    const received = await receiver.end();
    await assertOneCopy(it.folder, await it.sender.end(), received);
  });
}

testCable(
  "a receiver that is gone without a word, and comes with another address and the same ticket",
  async (it) => {
    {
      await using gone = it.receive();
      await it.isUnderWay(gone);
      await it.namespaces.plug(false);
      gone.kill("SIGKILL");
      await gone.end();
    }
    await it.namespaces.readdress(it.namespaces.addresses.besideSender, "10.77.1.9");
    await it.namespaces.plug(true);
    await using receiver = it.receive();
    const received = await receiver.end();
    assertEquals(received.status, 0, received.stderr);
    assertEquals((await it.sender.end()).status, 0);
    await assertEqualTrees(`${it.folder}/a`, `${it.folder}/b`, comparisonOf());
  },
);

Deno.test("a stolen ticket takes nothing from a receiver that is alive, and the sender shows who came", async () => {
  await withFolder(async (folder) => {
    await makeTree(folder);
    const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
    await using _sender = sender;
    const halfWay = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    await using proxy: Proxy = new Proxy(`127.0.0.1:${port}`, {
      // Slow, but alive: what asks for an answer gets through.
      onChunk: async (_, __, total) => {
        if (total < 3_000_000) return;
        halfWay.resolve();
        await settlesWithin(goOn.promise, 50);
      },
    });
    const address = { host: "127.0.0.1", port: Number(proxy.address.split(":")[1]) };
    await using receiver = new RcopyProcess([
      "receive",
      "--streams",
      "1",
      ticketTo(ticket, address),
      `${folder}/b`,
    ]);
    await halfWay.promise;
    await using thief = new RcopyProcess(["receive", ticket, `${folder}/stolen`]);
    const { status, stderr } = await thief.end();
    assertEquals(status, 4, stderr);
    assertMatch(stderr, /already serves another receiver/);
    goOn.resolve();
    assertEquals((await receiver.end()).status, 0);
    const sent = await sender.end();
    assertEquals(sent.status, 0);
    assertMatch(sent.stderr, /the receiver at 127\.0\.0\.1:\d+ is connected/);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
  });
});

for (const end of ["sender", "receiver"] as const) {
  Deno.test(`an interrupted ${end} ends the other end at once, and both say how to go on`, async () => {
    await withFolder(async (folder) => {
      await makeTree(folder);
      const { sender, ticket, port } = await startTicketSender([`${folder}/a`]);
      await using _sender = sender;
      const halfWay = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      await using proxy: Proxy = new Proxy(`127.0.0.1:${port}`, {
        onChunk: async (_, __, total) => {
          if (total < 3_000_000) return;
          halfWay.resolve();
          await goOn.promise;
        },
      });
      const address = { host: "127.0.0.1", port: Number(proxy.address.split(":")[1]) };
      await using receiver = new RcopyProcess([
        "receive",
        "--streams",
        "1",
        ticketTo(ticket, address),
        `${folder}/b`,
      ]);
      await halfWay.promise;
      const [interrupted, other] = end === "sender" ? [sender, receiver] : [receiver, sender];
      interrupted.kill("SIGINT");
      goOn.resolve();
      const [own, its] = [await interrupted.end(), await other.end()];
      assertEquals([own.status, its.status], [130, 4], `${own.stderr}${its.stderr}`);
      assertMatch(own.stderr, /interrupted by Ctrl-C/);
      assertMatch(its.stderr, /the other end was interrupted: peer says: interrupted by Ctrl-C/);
      const { stderr: there } = end === "sender" ? own : its;
      const { stderr: here } = end === "sender" ? its : own;
      assertMatch(here, /files? of .* (is|are) in place, verified/);
      assertMatch(here, /run rcopy send again there, .* here the line that it prints, with the same DEST/);
      assertMatch(there, /the receiver keeps what is complete; to go on, run the same command again/);
    });
  });
}

Deno.test("a receiver whose sender was killed says what to do once its patience is over", async () => {
  await withFolder(async (folder) => {
    await makeTree(folder);
    const options = { source: `${folder}/a`, target: `${folder}/b`, receive: ["--patience", "1s"] };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    await using proxy: Proxy = new Proxy(address, {
      onChunk: async (_, __, total) => {
        if (total < 3_000_000) return;
        sender.kill("SIGKILL");
        await sender.end();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    const { status, stderr } = await receiver.end();
    assertEquals(status, 4, stderr);
    assertMatch(stderr, /trying to connect again for 1\.0 s/);
    assertMatch(stderr, /no connection again within 1\.0 s/);
    assertMatch(stderr, /else run rcopy send again there, and the same command here/);
  });
});
