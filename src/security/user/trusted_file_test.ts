import { assert, assertEquals } from "@std/assert";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { readTrustedFile } from "./trusted_file.ts";

const uid = Deno.uid() ?? undefined;

/** Shell text that changes what is in `$1` (a home with `.ssh/authorized_keys`), and what must come of it. */
const cases: [string, string, "read" | "absent" | RegExp][] = [
  ["as ssh makes it", "true", "read"],
  ["readable for all", "chmod 644 $1/.ssh/authorized_keys; chmod 755 $1/.ssh $1", "read"],
  ["behind a link", "mv $1/.ssh $1/real; ln -s real $1/.ssh", "read"],
  ["writable for its group", "chmod 660 $1/.ssh/authorized_keys", /others may write.*mode 660.*chmod go-w/],
  ["writable for others", "chmod 602 $1/.ssh/authorized_keys", /others may write/],
  ["in a folder that its group may write to", "chmod 770 $1/.ssh", /folder .*\.ssh: others may write/],
  ["in a home that others may write to", "chmod 757 $1", /folder .*: others may write/],
  ["a folder", "rm $1/.ssh/authorized_keys; mkdir $1/.ssh/authorized_keys", /no regular file|directory/],
  [
    "a FIFO behind a link",
    "cd $1/.ssh; rm authorized_keys; ln -s /dev/null authorized_keys",
    /no regular file/,
  ],
  ["too large", "head -c 2000 /dev/zero > $1/.ssh/authorized_keys", /more than 1000 bytes/],
  ["not there", "rm $1/.ssh/authorized_keys", "absent"],
  ["under a file", "rm -r $1/.ssh; touch $1/.ssh", "absent"],
];
for (const [what, change, wanted] of cases) {
  Deno.test(`authorized_keys ${what}: ${wanted instanceof RegExp ? "refused" : wanted}`, () =>
    withFolder(async (folder) => {
      await shell('mkdir -m 700 "$1/.ssh"; echo key > "$1/.ssh/authorized_keys"', folder);
      await shell(change, folder);
      const path = `${folder}/.ssh/authorized_keys`;
      const reading = await readTrustedFile(path, { bytesMax: 1000, uid, upTo: folder });
      if (!(wanted instanceof RegExp)) return assertEquals(reading.state, wanted);
      assert(reading.state === "refused" && wanted.test(reading.reason), JSON.stringify(reading));
    }));
}

testWhere(
  { root: true },
  "authorized_keys of another user is refused, of root is not",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/authorized_keys`;
      await Deno.writeTextFile(path, "key\n");
      const read = (uid: number | undefined) => readTrustedFile(path, { bytesMax: 1000, uid });
      assertEquals((await read(1234)).state, "read");
      await Deno.chown(path, 1234, null);
      assertEquals((await read(1234)).state, "read");
      assertEquals((await read(4321)).state, "refused");
      assertEquals((await read(0)).state, "refused");
      const unknown = await read(undefined);
      assert(unknown.state === "refused" && /owner is user 1234/.test(unknown.reason));
    }),
);
