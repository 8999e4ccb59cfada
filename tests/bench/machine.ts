/** The machine of a benchmark: what it is, what it has, and the folder to work in. */
import { shell } from "../helpers/test_folder.ts";

/** Where the trees of a benchmark are. */
export type Place = "ram" | "disk";

/** Memory that a RAM disk leaves to everything else. */
const memoryKeptBytes = 3e9;

/** Bytes of memory that a RAM disk can take without driving the machine to its limit. */
export function memoryToUse(): number {
  return Math.max(0, Deno.systemMemoryInfo().available - memoryKeptBytes);
}

/** Whether a program can be found. */
export function installed(program: string): boolean {
  return new Deno.Command("bash", { args: ["-c", 'command -v "$1"', "-", program], stdout: "null" })
    .outputSync().success;
}

/** Date, processor, memory, kernel and Deno, in a line. */
export async function describeMachine(): Promise<string> {
  const cores = navigator.hardwareConcurrency;
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const kernel = (await shell("uname -sr")).trim();
  const processor = describeProcessor(await Deno.readTextFile("/proc/cpuinfo"));
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: ${cores} cores (${processor}), ${memory} GiB, ${kernel}, Deno ${Deno.version.deno}`;
}

/**
 * Model of the processor, and whether it has `fsrm`: with that flag the kernel copies to user memory by `rep movsb`, whose
 * speed depends on where the memory begins.
 */
export function describeProcessor(cpuinfo: string): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "unknown";
  const flags = /^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/) ?? [];
  return `${model}, ${flags.includes("fsrm") ? "with" : "without"} fsrm`;
}

/**
 * Runs a body in a fresh folder, which is a RAM disk of its own where one was asked for and may be mounted;
 * everything is removed at the end.
 * @returns what the body gave
 */
export async function withBenchFolder<T>(
  place: Place,
  body: (folder: string, actual: Place) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-bench-" });
  const isRamDisk = place === "ram" && await mountRamDisk(folder);
  try {
    if (!isRamDisk) Deno.chmodSync(folder, 0o755);
    return await body(folder, isRamDisk ? "ram" : "disk");
  } finally {
    if (isRamDisk) await shell('umount "$1"', folder);
    await Deno.remove(folder, { recursive: true });
  }
}

async function mountRamDisk(folder: string): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  try {
    const mebibytes = Math.max(64, Math.floor(memoryToUse() / 2 ** 20));
    await shell(
      'mount -t tmpfs -o "size=$2m,nr_inodes=0" tmpfs "$1" && chmod 755 "$1"',
      folder,
      `${mebibytes}`,
    );
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes and removes as many bytes in a folder: memory that a virtual machine has not touched lately is slow.
 */
export async function warm(folder: string, bytes: number): Promise<void> {
  await shell('head -c "$2" /dev/zero > "$1/warm"; rm "$1/warm"', folder, `${Math.round(bytes)}`);
}

/** Writes everything out and empties the page cache, and the caches of names and inodes. Needs root. */
export async function dropCaches(): Promise<void> {
  await shell("sync; echo 3 > /proc/sys/vm/drop_caches");
}
