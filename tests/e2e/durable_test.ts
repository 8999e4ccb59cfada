/** `--durable`: the same result, on disk. */
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

testEngines("--durable ends well, with the same result", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir -p "$1/a/d" && cd "$1/a" && head -c 5000000 /dev/urandom > large && echo 1 > d/small',
      folder,
    );
    const options = { source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io, "--durable"] };
    assertStatuses(await copyTree(options), 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});
