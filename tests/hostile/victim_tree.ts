/** A small tree that a real sender serves to hostile receivers. */
import { shell, withFolder } from "../helpers/test_folder.ts";
import { type Announced, announcedBy, type HostileReceiver } from "./hostile_receiver.ts";
import type { Arrived } from "./messages.ts";
import { Victim } from "./sessions.ts";

/** `big` (9 MiB and a bit), `d` with `two`, `link`, `one`: one batch; and a canary beside it that must never be sent. */
export async function withVictim(
  body: (victim: Victim, folder: string) => Promise<void>,
  send: readonly string[] = ["--keep"],
): Promise<void> {
  await withFolder(async (folder) => {
    await shell(
      `mkdir -p "$1/a/d" "$1/canary" && cd "$1/a" && echo one > one && echo two > d/two && ln -s ../canary link &&
       echo secret > ../canary/secret && head -c 9500000 /dev/urandom > big`,
      folder,
    );
    await using victim = await Victim.serve(`${folder}/a`, send);
    await body(victim, folder);
    await victim.stop();
  });
}

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

export async function placesOf(peer: HostileReceiver): Promise<Places> {
  const { values } = await peer.control.until("manifest");
  const entries = announcedBy(values, 1);
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

/** Waits until a small file has been sent. */
export function smallSent(peer: HostileReceiver, entry: number): Promise<Arrived> {
  return peer.untilData(({ kind, values }) =>
    kind === "bundle" && (values.entries as number[]).includes(entry)
  );
}
