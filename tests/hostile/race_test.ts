/**
 * Somebody who may write beside the program swaps directories for symbolic links while it works: rows A8 and C12.
 *
 * The io_uring engine works through descriptors, so that nothing outside of the destination changes and nothing
 * outside of the source is sent. The portable engine has paths only: between its check and its use a swap can lead it
 * through the link. Its tests say how far: entries of the names that are copied, in the directory that the link shows
 * to, and nothing else. `rcopy doctor` says so where that engine is the one in use.
 *
 * Each test races in four copies, or in as many as `RCOPY_RACE_RUNS` says.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { copyTree, RcopyProcess } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { differencesOf, recordTree } from "../helpers/tree_record.ts";

const runsOfEach = Number(Deno.env.get("RCOPY_RACE_RUNS") ?? 4);
const python = { programs: ["python3"] };

/** Exchanges `d` with `link`, and `d/e` with `d/link`, in a thread of its own until its input ends; then prints how often. */
const flipper = `
import ctypes, os, select, sys, threading
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
stop = False
swaps = 0
def flip():
  global swaps
  inner = os.open("d", os.O_RDONLY)
  while not stop:
    swaps += libc.renameat2(-100, b"d", -100, b"link", 2) == 0  # RENAME_EXCHANGE
    swaps += libc.renameat2(inner, b"e", inner, b"link", 2) == 0
thread = threading.Thread(target=flip)
thread.start()
print("ready", flush=True)
sys.stdin.read()
stop = True
thread.join()
print(swaps, flush=True)
`;

/** Runs `body` again and again while a thread flips below `folder`; returns how often each ran. */
async function whileFlipping(
  folder: string,
  body: () => Promise<void>,
): Promise<{ swaps: number; runs: number }> {
  const child = new Deno.Command("python3", {
    args: ["-c", flipper, folder],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let runs = 0;
  try {
    await output.read(); // it is ready
    for (; runs < runsOfEach; runs++) await body();
  } finally {
    await child.stdin.close();
  }
  let text = "";
  for (let part = await output.read(); !part.done; part = await output.read()) text += part.value;
  await child.status;
  return { swaps: Number(text), runs };
}

/** A tree with `d` and `d/e`, 400 files in each. */
const makeTree = `mkdir -p "$1/a/d/e" && cd "$1/a" &&
  for i in $(seq 400); do echo "content $i" > d/f$i; echo "content $i" > d/e/f$i; done`;

testEngines(
  "A8: directories of the destination that are swapped for links while files are received",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(makeTree, folder);
      await shell(
        `mkdir -p "$1/canary/inner" "$1/beside" "$1/b/d/e" && cd "$1" &&
       echo secret > canary/other && echo secret > canary/inner/other && echo secret > canary/f1 && echo x > beside/f1 &&
       ln -s ../canary b/link && ln -s ../../canary/inner b/d/link`,
        folder,
      );
      const [canary, beside] = [await recordTree(`${folder}/canary`), await recordTree(`${folder}/beside`)];
      const statuses = new Set<number>();
      const { swaps, runs } = await whileFlipping(`${folder}/b`, async () => {
        const { received } = await copyTree({
          source: `${folder}/a`,
          target: `${folder}/b`,
          receive: ["--io", io, "--exists", "replace"],
        });
        statuses.add(received.status);
        assert(!/internal fault|assertion|Uncaught/.test(received.stderr), received.stderr);
      });
      assert(swaps > 1000 && runs > 0, `${swaps} swaps in ${runs} runs`);
      for (const status of statuses) assert([0, 5, 23].includes(status), `status ${status}`);
      assertEquals(differencesOf(beside, await recordTree(`${folder}/beside`)), []);
      const touched = differencesOf(canary, await recordTree(`${folder}/canary`));
      console.log(`  ${runs} runs, ${swaps} swaps, ${touched.length} entries touched behind the link`);
      if (io === "uring") assertEquals(touched, []);
      // What remains possible: entries of names that were copied, and the times of their directory.
      for (const difference of touched) {
        assertMatch(
          difference,
          /^"(inner\/)?(f\d+|e|d|link|\.rcopy-[^"]*)"|^"inner": (mtime|mode)|^"e(\/[^"]*)?"/,
        );
        assert(!/other/.test(difference), difference);
      }
    });
  },
  python,
);

testEngines(
  "C12: directories of the source that are swapped for links to secrets while files are sent",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(makeTree, folder);
      await shell(
        `mkdir -p "$1/secrets/e" && cd "$1" && for i in $(seq 400); do echo "TOPSECRET" > secrets/f$i; done &&
       cp secrets/f* secrets/e && ln -s ../secrets a/link && ln -s ../../secrets/e a/d/link`,
        folder,
      );
      let leaked = 0;
      let run = 0;
      const { swaps, runs } = await whileFlipping(`${folder}/a`, async () => {
        const target = `${folder}/b${run++}`;
        const { sent } = await copyTree({ source: `${folder}/a`, target, send: ["--io", io] });
        assert(!/internal fault|assertion|Uncaught/.test(sent.stderr), sent.stderr);
        assert([0, 23, 24].includes(sent.status), `status ${sent.status}: ${sent.stderr}`);
        leaked += Number(await shell('{ grep -rl TOPSECRET "$1" || true; } | wc -l', target));
        await Deno.remove(target, { recursive: true });
      });
      assert(swaps > 1000 && runs > 0, `${swaps} swaps in ${runs} runs`);
      console.log(`  ${runs} runs, ${swaps} swaps, ${leaked} files from behind the link`);
      if (io === "uring") assertEquals(leaked, 0);
    });
  },
  python,
);

Deno.test("doctor says of the portable engine what such a race can still do", async () => {
  await using doctor = new RcopyProcess(["doctor"], {
    permissions: ["--allow-net", "--allow-read", "--allow-write"],
  });
  const { stdout } = await doctor.end();
  assertMatch(stdout, /paths are checked before use and not bound to descriptors/);
  assertMatch(stdout, /swap a directory for a symbolic link in the moment between/);
});
