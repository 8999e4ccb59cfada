/** What a process and everything that it has started do: how much they have computed, and whether any of it can go on. */

/** At one moment. */
export interface Activity {
  /** Processor time since the start, of living processes and of those that were waited for. */
  cpuMs: number;
  /** Whether a thread computes, waits for a processor, or for a disk. */
  canGoOn: boolean;
}

/** A process, as `/proc` shows it. */
interface ProcessRow {
  parent: number;
  group: number;
  cpuMs: number;
}

/** The kernel counts processor time in hundredths of a second for every program. */
const tickMs = 10;

/** The processes with this group, their descendants in whatever group, and what they do; nothing where there is no `/proc`. */
export function activityOf(group: number): Activity | undefined {
  const members = membersOf(group);
  if (members === undefined) return undefined;
  let cpuMs = 0;
  for (const { cpuMs: own } of members.values()) cpuMs += own;
  return { cpuMs, canGoOn: [...members.keys()].some(canGoOn) };
}

/** Kills a group of processes, and their descendants in other groups. */
export function killAll(group: number): void {
  // They are stopped first: one that was killed before its child was seen would leave the child to nobody.
  const stopped = new Set<number>();
  for (;;) {
    const others = [...membersOf(group)?.keys() ?? []].filter((pid) => !stopped.has(pid));
    if (others.length === 0) break;
    for (const pid of others) {
      signal(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  signal(-group, "SIGKILL");
  for (const pid of stopped) signal(pid, "SIGKILL");
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function membersOf(group: number): Map<number, ProcessRow> | undefined {
  const rows = readProcesses();
  if (rows === undefined) return undefined;
  const isMember = (pid: number): boolean => {
    for (let at: number | undefined = pid, row; (row = rows.get(at)) !== undefined; at = row.parent) {
      if (row.group === group) return true;
    }
    return false;
  };
  return new Map([...rows].filter(([pid]) => isMember(pid)));
}

function readProcesses(): Map<number, ProcessRow> | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const rows = new Map<number, ProcessRow>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(`/proc/${name}/stat`);
    if (fields === undefined) continue;
    // See proc_pid_stat(5): state, ppid, pgrp, …; utime, stime, cutime, cstime are 11 to 14 behind the name.
    const cpuMs = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * tickMs;
    rows.set(Number(name), { parent: Number(fields[1]), group: Number(fields[2]), cpuMs });
  }
  return rows;
}

function canGoOn(pid: number): boolean {
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      if (/^[RD]$/.test(statFields(`/proc/${pid}/task/${name}/stat`)?.[0] ?? "")) return true;
    }
  } catch {
    // It has ended.
  }
  return false;
}

/** What stands behind the name of a process, from its state on; nothing if it has ended. */
function statFields(path: string): string[] | undefined {
  try {
    const text = Deno.readTextFileSync(path);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
