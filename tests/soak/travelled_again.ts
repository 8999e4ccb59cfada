/**
 * `deno task soak:again`: how many bytes of a file of 4 GB travel in all when its copy is disturbed. The receiver is killed at
 * 25, 50 and 75 % and started again; the sender is; the network is away for 60 s in one run. Counted where they leave the
 * sender's interface, without the headers of Ethernet, IP and TCP. At most 1.02 times the file may travel.
 * Options: `--io`, `--megabytes`, `--rate` (of the network, in Mbit/s; as fast as it goes without), and names of cases.
 */
import { parseArgs } from "node:util";
import { pause } from "../../src/base/pause.ts";
import { Namespaces, whyNoNamespaces } from "../helpers/namespaces.ts";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";

/** Parts of the file that are there when something happens. */
const moments = [0.25, 0.5, 0.75];
const mostTimes = 1.02;
const awaySeconds = 60;

const { values, positionals } = parseArgs({
  options: {
    io: { type: "string", default: "auto" },
    megabytes: { type: "string", default: "4000" },
    rate: { type: "string" },
  },
  allowPositionals: true,
});
const bytes = Number(values.megabytes) * 1e6;

interface Place {
  folder: string;
  namespaces: Namespaces;
}

const cases: Record<string, (place: Place) => Promise<void>> = {
  async receiver(place) {
    await using sender = startSender(place);
    const ticket = await ticketOf(sender);
    for (const moment of moments) {
      await using receiver = startReceiver(place, ticket);
      await hasReached(receiver, moment);
      receiver.kill("SIGKILL");
      await receiver.end();
    }
    await complete(sender, startReceiver(place, ticket));
  },
  async sender(place) {
    for (const moment of moments) {
      await using sender = startSender(place);
      await using receiver = startReceiver(place, await ticketOf(sender), ["--patience", "0s"]);
      await hasReached(receiver, moment);
      sender.kill("SIGKILL");
      await Promise.all([sender.end(), receiver.end()]);
    }
    await using sender = startSender(place);
    await complete(sender, startReceiver(place, await ticketOf(sender)));
  },
  async network(place) {
    await using sender = startSender(place);
    const receiver = startReceiver(place, await ticketOf(sender));
    await hasReached(receiver, 0.5);
    await place.namespaces.plug(false);
    await pause(awaySeconds * 1000);
    await place.namespaces.plug(true);
    await complete(sender, receiver);
  },
};

const why = whyNoNamespaces();
if (why !== undefined) {
  console.error(`cannot run here: ${why}`);
  Deno.exit(2);
}
for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) await measure(name);

async function measure(name: string): Promise<void> {
  const run = cases[name];
  if (!run) throw new Error(`there are: ${Object.keys(cases).join(" ")}`);
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" && head -c "$2" /dev/zero | openssl enc -aes-128-ctr -pass pass:1 -pbkdf2 2>/dev/null | head -c "$2" > "$1/a/large"',
      folder,
      String(bytes),
    );
    await using namespaces = await Namespaces.make();
    if (values.rate !== undefined) await namespaces.slowDown(Number(values.rate));
    const began = performance.now();
    await run({ folder, namespaces });
    const seconds = (performance.now() - began) / 1000;
    await shell('cmp "$1/a/large" "$1/b/large"', folder);
    const sent = await namespaces.sentBySender();
    const times = sent.bytes / bytes;
    const again = ((sent.bytes - bytes) / 1e6).toFixed(1);
    const raw = (sent.withHeaders / bytes).toFixed(4);
    const rate = values.rate === undefined ? "unshaped" : `${values.rate} Mbit/s`;
    console.log(
      `${name.padEnd(9)} ${values.io}, ${rate}: ${times.toFixed(4)} times the file (${again} MB more; ` +
        `${raw} with headers), ${seconds.toFixed(1)} s`,
    );
    if (times > mostTimes) Deno.exitCode = 1;
  });
}

function startSender({ folder, namespaces }: Place): RcopyProcess {
  return new RcopyProcess(["send", "--auth", "ticket", "--io", values.io, `${folder}/a`], {
    within: namespaces.within("sender"),
  });
}

function startReceiver({ folder, namespaces }: Place, ticket: string, more: string[] = []): RcopyProcess {
  return new RcopyProcess(["receive", "--json", "--io", values.io, ...more, ticket, `${folder}/b`], {
    within: namespaces.within("middle"),
  });
}

async function ticketOf(sender: RcopyProcess): Promise<string> {
  return (await sender.stdoutMatch(/rcopy1[a-z2-7]+/))[0];
}

/** Waits until so much of the file is there, from this run or one before. */
async function hasReached(receiver: RcopyProcess, part: number): Promise<void> {
  await receiver.stdoutWhere((text) => {
    const line = text.slice(0, text.lastIndexOf("\n")).split("\n").findLast((line) =>
      line.includes('"progress"')
    );
    if (line === undefined) return false;
    const { bytesDone, keptBytes } = JSON.parse(line).progress;
    return bytesDone + keptBytes >= part * bytes;
  });
}

async function complete(sender: RcopyProcess, receiver: RcopyProcess): Promise<void> {
  await using _receiver = receiver;
  const [received, sent] = [await receiver.end(), await sender.end()];
  if (received.status === 0 && sent.status === 0) return;
  throw new Error(`the copy did not end well: ${sent.stderr}${received.stderr}`);
}
