/** One work, copied by ours and by the peers in turn. */
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { type Contender, isOurs } from "./contender.ts";
import { runOnce, whyNoIsolation } from "./contender_run.ts";
import type { Place } from "./machine.ts";
import type { Servers } from "./servers.ts";
import { type Figures, figuresOf, inTurn } from "./turns.ts";
import { shell } from "../helpers/test_folder.ts";
import type { Work } from "./works.ts";

export interface ComparisonOptions {
  /** Ours first: what the ratios are of. */
  contenders: readonly Contender[];
  work: Work;
  folder: string;
  /** Where the folder really is. */
  place: Place;
  servers: Servers;
  rounds: number;
  scale: number;
  /** Names of peers to run, with commas between them; all that are installed without it. */
  only: string | undefined;
  /** Names of ours to run, in the same way; all without it. */
  onlyOurs: string | undefined;
  /** Start each run with empty page, name and inode caches, except for the programs themselves. */
  cold: boolean;
  installed: (program: string) => boolean;
  log: (line: string) => void;
  /** Takes a line for each work or program that gives no figure. */
  leaveOut: (line: string) => void;
}

/**
 * Copies a work `rounds` times with each program, in turn, into a fresh directory each time, and verifies
 * every copy. One of ours that fails ends the comparison; a peer that fails, or whose copy differs, gets no figure.
 */
export async function compare(options: ComparisonOptions): Promise<Figures[]> {
  const { work, folder, scale } = options;
  const source = `${folder}/source`;
  await shell('rm -rf "$1" && mkdir "$1"', source);
  const why = await work.make(source, scale);
  if (why !== undefined) {
    options.leaveOut(`${work.name}: skipped, ${why}`);
    return [];
  }
  const bytes = Number(await shell('du -sb --apparent-size "$1" | cut -f1', source));
  const entries = Number(await shell('find "$1" | wc -l', source));
  options.log(`${work.title}: ${entries.toLocaleString("en")} entries, ${Math.round(bytes / 1e6)} MB`);
  const contenders = await contendersFor(options);
  const turns = { ...options, title: work.name, mayFail: (one: Contender) => !isOurs(one) };
  const runs = await inTurn(contenders, turns, (contender) => {
    return runOnce(contender, { ...options, source, bytes, entries });
  });
  await shell('rm -rf "$1" "$2"/*', source, `${folder}/targets`);
  return figuresOf(work, runs, bytes);
}

/** Those that are chosen, do this kind of work, and can run here. */
async function contendersFor(options: ComparisonOptions): Promise<Contender[]> {
  const isSingle = options.work.name === "big";
  const able: Contender[] = [];
  for (const contender of options.contenders) {
    const chosen = isOurs(contender) ? options.onlyOurs : options.only;
    if (!isChosen(contender.name, chosen)) continue;
    if (!isOurs(contender) && contender.singleFile && !isSingle) continue;
    const why = await whyNotHere(contender, options);
    if (why === undefined) able.push(contender);
    else options.leaveOut(`${contender.name}: skipped, ${why}`);
  }
  return able;
}

async function whyNotHere(contender: Contender, options: ComparisonOptions): Promise<string | undefined> {
  if (isOurs(contender) && contender.io === "uring") return whyNoUringEngine();
  const missing = contender.needs.filter((program) => !options.installed(program));
  if (missing.length > 0) return `${missing.join(" and ")} not installed`;
  if (isOurs(contender)) return undefined;
  const isolation = contender.isolated ? whyNoIsolation() : undefined;
  return isolation ?? await contender.prepare?.({ ...options.servers.places, folder: options.folder });
}

/** Whether a list with commas between its names holds one; every name is chosen where there is no list. */
function isChosen(name: string, list: string | undefined): boolean {
  return list === undefined || list.split(",").some((one) => one.trim() === name);
}
