/** A small tree that a real sender serves to hostile receivers. */
import { shell, withFolder } from "../helpers/test_folder.ts";
import { type Announced, announcedBy, HostileReceiver } from "./hostile_receiver.ts";
import type { Arrived } from "./messages.ts";
import { SplitListing, Victim } from "./sessions.ts";

/** The same in every test of a process: peers hash slowly, and remember what they have hashed. */
const big = new Uint8Array(9_500_000);
for (let at = 0; at < big.length; at += 65_536) crypto.getRandomValues(big.subarray(at, at + 65_536));

/** `big` (9 MiB and a bit), `d` with `two`, `link`, `one`: one batch; and a canary beside it that must never be sent. */
export async function withVictim(
  body: (victim: Victim, folder: string) => Promise<void>,
  send: readonly string[] = ["--keep"],
): Promise<void> {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/d" "$1/canary" && cd "$1/a" && echo one > one && echo two > d/two && ln -s ../canary link &&
       echo secret > ../canary/secret`,
      folder,
    );
    await Deno.writeFile(`${folder}/a/big`, big);
    await using victim = await Victim.serve(`${folder}/a`, send);
    await body(victim, folder);
    await victim.stop();
  });
}

const entriesInAll = 5;

/** What the one batch of the manifest has where. */
export interface Places {
  one: number;
  two: number;
  big: number;
  link: number;
  d: number;
  count: number;
  /** What the manifest says of each. */
  entries: Announced[];
}

/** @throws {SplitListing} if the first batch does not have everything */
export async function placesOf(peer: HostileReceiver): Promise<Places> {
  const { values } = await peer.control.until("manifest");
  const entries = announcedBy(values, 1);
  if (entries.length < entriesInAll) throw new SplitListing();
  const at = (name: string) => entries.findIndex((entry) => String.fromCharCode(...entry.name) === name);
  return {
    one: at("one"),
    two: at("two"),
    big: at("big"),
    link: at("link"),
    d: at("d"),
    count: entries.length,
    entries,
  };
}

/** A session of a receiver whose data is drained, and what its one batch has where. The caller disposes of the receiver. */
export async function openSession(
  victim: Victim,
  hello: Parameters<HostileReceiver["shakeHands"]>[0] = {},
): Promise<{ peer: HostileReceiver; draining: Promise<void>; at: Places }> {
  for (;;) {
    const peer = new HostileReceiver(victim.address);
    await peer.shakeHands(hello);
    const draining = peer.drain();
    try {
      return { peer, draining, at: await placesOf(peer) };
    } catch (error) {
      peer[Symbol.dispose]();
      await draining;
      if (!(error instanceof SplitListing)) throw error;
    }
  }
}

/** Waits until a small file has been sent. */
export function smallSent(peer: HostileReceiver, entry: number): Promise<Arrived> {
  return peer.untilData(({ kind, values }) =>
    kind === "bundle" && (values.entries as number[]).includes(entry)
  );
}
