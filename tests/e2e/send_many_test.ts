/** Trees of so many entries that anything done once for each of them shows: empty files, and directories. The soak has a million. */
import { assertEquals } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder, withTmpfs } from "../helpers/test_folder.ts";

/** In memory, so that a test waits for rcopy and not for a disk. */
const tmpfsOptions = "size=2g,nr_inodes=0";

/**
 * Kind, mode, size and time of everything below a directory, by name, as a checksum; and how much there is.
 * Directories' own sizes are the file system's affair, and equal within one tmpfs. Of times, as many digits
 * after the point as asked.
 */
async function listed(root: string, timeDigits: number): Promise<string> {
  const script = 'find "$1" -mindepth 1 -printf "%P %y %m %s %T@\\n" | ' +
    'sed -E "s/(\\.[0-9]{$2})[0-9]*$/\\1/" | LC_ALL=C sort > "$1.listed" && ' +
    'wc -l < "$1.listed" && sha256sum < "$1.listed"';
  return await shell(script, root, `${timeDigits}`);
}

async function copiesWhole(io: string, entries: number, make: (root: string) => void): Promise<void> {
  await withFolder((folder) =>
    withTmpfs(`${folder}/memory`, tmpfsOptions, async () => {
      const [source, target] = [`${folder}/memory/source`, `${folder}/memory/target`];
      Deno.mkdirSync(source);
      make(source);
      const both = ["--io", io];
      assertStatuses(await copyTree({ source, target, send: both, receive: both }), 0);
      // The portable engine keeps milliseconds.
      const timeDigits = io === "deno" ? 3 : 9;
      const wanted = await listed(source, timeDigits);
      assertEquals(Number(wanted.split("\n")[0]), entries);
      assertEquals(await listed(target, timeDigits), wanted);
    })
  );
}

testEngines(
  "15,000 empty files are copied, half of them in one directory",
  (io) =>
    copiesWhole(io, 15_100, (root) => {
      for (let d = 0; d < 100; d++) {
        Deno.mkdirSync(`${root}/d${d}`);
        const files = d === 0 ? 7_575 : 75;
        for (let f = 0; f < files; f++) Deno.createSync(`${root}/d${d}/file-${f}`).close();
      }
    }),
  { mount: true },
);

testEngines(
  "8,000 directories are copied, three deep and all but empty",
  (io) =>
    copiesWhole(io, 8_000, (root) => {
      for (let i = 0, made = 0; made < 8_000; i++) {
        Deno.mkdirSync(`${root}/d${i}`);
        made++;
        for (let j = 0; j < 30 && made < 8_000; j++) {
          Deno.mkdirSync(`${root}/d${i}/d${j}`);
          made++;
          for (let k = 0; k < 20 && made < 8_000; k++, made++) Deno.mkdirSync(`${root}/d${i}/d${j}/d${k}`);
        }
      }
    }),
  { mount: true },
);
