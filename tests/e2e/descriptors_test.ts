/** Copies where a process may open few files. */
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { makeFiles } from "../helpers/small_tree.ts";
import { shell, testEngines, whyNot, withFolder, withTmpfs } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

/** Thousands of files are made and replaced: in memory, where a file system may be mounted. */
async function withRamDisk(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    if (whyNot({ mount: true }) !== undefined) await body(folder);
    else await withTmpfs(`${folder}/disk`, "size=256m,mode=755", () => body(`${folder}/disk`));
  });
}

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

testEngines("2,000 files in 100 directories are copied where a process may open 64", async (io) => {
  await withFolder(async (folder) => {
    for (let d = 1; d <= 100; d++) makeFiles(`${folder}/a/d${d}`, { count: 20, bytes: 5 });
    assertStatuses(
      await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
        sender: { before: "ulimit -n 64" },
        receiver: { before: "ulimit -n 64" },
      }),
      0,
    );
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});

testEngines("3,000 files in a directory and a depth of 120, with 64 descriptors at each end", async (io) => {
  await withRamDisk(async (folder) => {
    await shell(
      `python3 - "$1" <<'END'
import os, sys
os.makedirs(sys.argv[1] + "/a/wide")
os.chdir(sys.argv[1] + "/a/wide")
for i in range(3000):
    with open("file-%d" % i, "w") as file:
        file.write("content of %d" % i)
os.chdir("..")
for i in range(120):
    os.mkdir("d%d" % i)
    os.chdir("d%d" % i)
    with open("file", "w") as file:
        file.write(str(i))
    os.symlink("file", "link")
    os.mkdir("beside")
END`,
      folder,
    );
    const few = { before: "ulimit -n 64" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: few, receiver: few };
    const engine = ["--io", io];
    assertStatuses(await copyTree({ ...options, send: engine, receive: engine }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
    const again = await copyTree({ ...options, send: engine, receive: [...engine, "--exists", "replace"] });
    assertStatuses(again, 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
});

testEngines("64 directories side by side and 64 large files, with 64 descriptors at each end", async (io) => {
  await withFolder(async (folder) => {
    makeFiles(`${folder}/a`, { count: 64, bytes: 1_100_000 });
    await shell(
      `cd "$1/a" && mkdir -p d{1..80}/inner && for i in $(seq 80); do echo $i > d$i/file; echo $i > d$i/inner/file; done &&
      for i in 1 2 3; do head -c 6000000 /dev/urandom > d$i/larger; done`,
      folder,
    );
    const few = { before: "ulimit -n 64" };
    const options = { source: `${folder}/a`, target: `${folder}/b`, sender: few, receiver: few };
    assertStatuses(await copyTree({ ...options, send: ["--io", io], receive: ["--io", io] }), 0);
    await assertEqualTrees(options.source, options.target, comparison);
  });
});
