/**
 * `deno task soak:network`: a copy of 60 MB over a cable of 30 Mbit/s that is pulled out for 5, 20, 45 and 120 s, whose
 * receiver gets another address, whose connections are reset, and whose ends are stopped for 60 s, each with the times and
 * limits that people have. Takes some ten minutes, and needs root. Names of disturbances, or parts of them, choose among them.
 */
import { assertEquals } from "@std/assert";
import { pause } from "../../src/base/pause.ts";
import { Namespaces, whyNoNamespaces } from "../helpers/namespaces.ts";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { comparisonOf, shell, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

interface Copy {
  namespaces: Namespaces;
  sender: RcopyProcess;
  receiver: RcopyProcess;
}

const disturbances: [what: string, disturb: (copy: Copy) => Promise<void>][] = [
  ...[5, 20, 45, 120].map((seconds): [string, (copy: Copy) => Promise<void>] => [
    `cable out for ${seconds} s`,
    async ({ namespaces }) => {
      await namespaces.plug(false);
      await pause(seconds * 1000);
      await namespaces.plug(true);
    },
  ]),
  [
    "another address",
    ({ namespaces }) => namespaces.readdress(namespaces.addresses.besideSender, "10.77.1.9"),
  ],
  [
    "reset of control",
    async ({ namespaces }) => namespaces.reset([(await namespaces.connections()).control]),
  ],
  [
    "reset of each lane",
    async ({ namespaces }) => {
      for (const port of (await namespaces.connections()).lanes) {
        await namespaces.reset([port]);
        await pause(1000);
      }
    },
  ],
  [
    "reset of everything",
    async ({ namespaces }) => {
      const { control, lanes } = await namespaces.connections();
      await namespaces.reset([control, ...lanes]);
    },
  ],
  ...(["sender", "receiver"] as const).map((end): [string, (copy: Copy) => Promise<void>] => [
    `${end} stopped for 60 s`,
    async (copy) => {
      copy[end].kill("SIGSTOP");
      await pause(60_000);
      copy[end].kill("SIGCONT");
    },
  ]),
];

const why = whyNoNamespaces();
if (why !== undefined) {
  console.error(`cannot run here: ${why}`);
  Deno.exit(2);
}
const chosen = disturbances.filter(([what]) =>
  Deno.args.length === 0 || Deno.args.some((arg) => what.includes(arg))
);
for (const [what, disturb] of chosen) {
  const { seconds, wireBytes, sessions } = await copyDisturbed(disturb);
  const sent = (wireBytes / 1e6).toFixed(1);
  console.log(`${what.padEnd(24)} ${seconds.toFixed(1)} s, ${sent} MB on the wire, ${sessions} sessions`);
}

async function copyDisturbed(
  disturb: (copy: Copy) => Promise<void>,
): Promise<{ seconds: number; wireBytes: number; sessions: number }> {
  let result = { seconds: 0, wireBytes: 0, sessions: 0 };
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" && cd "$1/a" && for i in $(seq 500); do head -c 100000 /dev/urandom > f$i; done && ' +
        "head -c 10000000 /dev/urandom > large",
      folder,
    );
    await using namespaces = await Namespaces.make();
    await namespaces.slowDown(30);
    await using sender = new RcopyProcess(["send", "--auth", "ticket", `${folder}/a`], {
      within: namespaces.within("sender"),
    });
    const [ticket] = await sender.stdoutMatch(/rcopy1[a-z2-7]+/);
    const began = performance.now();
    await using receiver = new RcopyProcess(["receive", "--json", "--streams", "3", ticket, `${folder}/b`], {
      within: namespaces.within("middle"),
    });
    await receiver.stdoutMatch(/"entriesDone":[1-9]/);
    await disturb({ namespaces, sender, receiver });
    const [sent, received] = [await sender.end(), await receiver.end()];
    assertEquals([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
    const events = received.stdout.trim().split("\n").map((line) => JSON.parse(line));
    const { summary } = events.at(-1);
    assertEquals([summary.files, summary.skipped], [501, 0]);
    result = {
      seconds: (performance.now() - began) / 1000,
      wireBytes: summary.wireBytes,
      sessions: events.filter(({ type }) => type === "connected").length,
    };
  });
  return result;
}
