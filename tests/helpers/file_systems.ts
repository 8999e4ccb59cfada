/** File systems of every kind that people copy to, each made for one test and unmounted at its end. */
import { type EngineNeeds, shell, testEngines, whyNot } from "./test_folder.ts";

/** How one is made within a folder, as shell text: it ends with `m` mounted. `$2` are options of the test. */
interface Recipe {
  programs: readonly string[];
  /** A device that must be there. */
  device?: "/dev/fuse" | "/dev/loop-control";
  make: string;
}

const recipes = {
  // Without room for nanoseconds in an inode.
  "ext4-128": {
    programs: ["mkfs.ext4"],
    device: "/dev/loop-control",
    make: "truncate -s 64M i && mkfs.ext4 -q -I 128 i && mount -o loop i m",
  },
  ext4: {
    programs: ["mkfs.ext4"],
    device: "/dev/loop-control",
    make: "truncate -s 320M i && mkfs.ext4 -q i && mount -o loop i m",
  },
  xfs: {
    programs: ["mkfs.xfs"],
    device: "/dev/loop-control",
    make: "truncate -s 320M i && mkfs.xfs -q i && mount -o loop i m",
  },
  // The loop device goes when the mount does.
  exfat: {
    programs: ["mkfs.exfat", "mount.exfat-fuse"],
    device: "/dev/fuse",
    make: "truncate -s 64M i && mkfs.exfat i && loop=$(losetup -f --show i) && " +
      "{ mount.exfat-fuse $2 $loop m; status=$?; losetup -d $loop; [ $status = 0 ]; }",
  },
  ntfs: {
    programs: ["mkfs.ntfs", "ntfs-3g"],
    device: "/dev/fuse",
    make: "truncate -s 64M i && mkfs.ntfs -F -q -f i && ntfs-3g $2 i m",
  },
  // libfuse 2, which has no flags of renames and drops an mtime that comes without an atime.
  bindfs: { programs: ["bindfs"], device: "/dev/fuse", make: "bindfs $2 back m" },
  mergerfs: {
    programs: ["mergerfs"],
    device: "/dev/fuse",

    make: "mkdir other && mergerfs -o category.create=ff back:other m",
  },
  overlay: {
    programs: [],

    make: "mkdir t && mount -t tmpfs tmpfs t && mkdir t/upper t/work && " +
      "mount -t overlay overlay -o lowerdir=back,upperdir=t/upper,workdir=t/work m",
  },
  tmpfs: { programs: [], make: "mount -t tmpfs $2 tmpfs m" },
  // Ours, `odd_file_system.c`; `$2` names what it refuses. Its process is that of `server`.
  odd: {
    programs: ["cc"],
    device: "/dev/fuse",

    make: "program=$3 && { setsid $program back m $2 >/dev/null 2>&1 & echo $! >server; } && " +
      "until mountpoint -q m; do kill -0 $(cat server) || exit 1; sleep 0.02; done",
  },
} satisfies Record<string, Recipe>;

export type FileSystemKind = keyof typeof recipes;

/** Which file system, and what is asked of it. */
export interface FileSystem {
  kind: FileSystemKind;
  /** Which engines are tried there. */
  only?: EngineNeeds["only"];
  turn?: EngineNeeds["turn"];
  /** Options of its mount; features of `odd`, with commas between. */
  options?: string;
}

/** Why there can be none of this kind here; `undefined` where there can. */
export function whyNoFileSystem({ kind }: FileSystem): string | undefined {
  const { programs, device }: Recipe = recipes[kind];
  const why = whyNot({ mount: true, programs: [...programs] });
  if (why !== undefined) return why;
  if (device !== undefined && !canOpen(device)) return `needs ${device}`;
  if (kind === "odd" && !hasHeader()) return "libfuse3-dev is not installed";
  return tried(kind);
}

/** A test of the whole program with each engine, on a file system of its own, mounted at `mount` in `folder`. */
export function testOn(
  fileSystem: FileSystem,
  name: string,
  fn: (it: { io: "deno" | "uring"; folder: string; mount: string; back: string }) => Promise<void>,
): void {
  const { kind, options, only, turn } = fileSystem;
  const shown = `${options === undefined ? kind : `${kind} ${options}`}: ${name}`;
  testEngines(shown, async (io) => {
    await withFileSystem(
      fileSystem,
      (folder) => fn({ io, folder, mount: `${folder}/m`, back: `${folder}/back` }),
    );
  }, { why: whyNoFileSystem(fileSystem), only, turn });
}

/** Makes a folder with the file system mounted at `m` in it, and takes it down at the end, whatever is mounted in it. */
export async function withFileSystem(
  { kind, options = "" }: FileSystem,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-mount-" });
  try {
    await Deno.chmod(folder, 0o755); // other users come in too
    await shell(setUp(kind), folder, options, kind === "odd" ? await oddProgram() : "");
    await body(folder);
  } finally {
    await shell(takeDown, folder);
  }
}

function setUp(kind: FileSystemKind): string {
  return `cd "$1" && mkdir back m && { ${recipes[kind].make}; } >/dev/null`;
}

/** The last mounted first. A server of FUSE that is busy lets go of its mount when it ends. */
const takeDown = `
  while read -r _ mount _; do
    case $mount in "$1"/*) umount "$mount" 2>/dev/null || umount -l "$mount";; esac
  done < <(tac /proc/self/mounts)
  chmod -R u+rwx "$1" 2>/dev/null
  rm -rf --one-file-system "$1"`;

const outcomes = new Map<FileSystemKind, string | undefined>();
/** Makes one and takes it down: a kernel may lack what the programs need. */
function tried(kind: FileSystemKind): string | undefined {
  if (kind === "odd") return undefined;
  if (!outcomes.has(kind)) {
    const { success } = new Deno.Command("bash", {
      args: ["-c", `set -- "$(mktemp -d)"; (${setUp(kind)}); status=$?; ${takeDown}; exit $status`],
      stderr: "null",
    }).outputSync();
    outcomes.set(kind, success ? undefined : `this system mounts no ${kind}`);
  }
  return outcomes.get(kind);
}

function canOpen(device: string): boolean {
  try {
    Deno.openSync(device, { read: true, write: true }).close();
    return true;
  } catch {
    return false;
  }
}

const headers = "/usr/include/fuse3";
function hasHeader(): boolean {
  if (Deno.env.get("RCOPY_REQUIRE_ORACLES") === "1") return true;
  return new Deno.Command("test", { args: ["-e", `${headers}/fuse.h`] }).outputSync().success;
}

let compiled: Promise<string> | undefined;
/** Compiles the file system of our own, once a process. */
function oddProgram(): Promise<string> {
  compiled ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "rcopy-odd-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const source = new URL("odd_file_system.c", import.meta.url).pathname;
    await shell(
      'cc -O1 -Wall -Werror -D_FILE_OFFSET_BITS=64 -I"$1" "$2" -o "$3" -lfuse3',
      headers,
      source,
      `${folder}/odd`,
    );
    return `${folder}/odd`;
  })();
  return compiled;
}
