/** After an integrity failure no file may pass for copied: the same command must copy it again. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines } from "../helpers/test_folder.ts";
import { latin1 } from "./hostile_sender.ts";
import { attackReceiver } from "./sessions.ts";

const extentBytes = 4 << 20;
const time = 1_700_000_000;
const entries = [
  { name: "small", size: 10 },
  { name: "large", size: extentBytes + 5 },
  { name: "old", kind: 2 },
  { name: "new", kind: 2 },
  { name: "below", in: 1, size: 3 },
  { name: "inner", in: 2, size: 4 },
  { name: "link", in: 2, kind: 3, link: "../small" },
];

/** Makes at `$1/source` what the sender says that it has. */
const source = `mkdir -p "$1/source/old" "$1/source/new" && cd "$1/source" && printf 0123456789 > small &&
  head -c ${extentBytes + 5} /dev/zero > large && printf abc > old/below && printf abcd > new/inner &&
  ln -s ../small new/link && find . -type f -exec touch -d @${time} {} +`;

testEngines(
  "what a sender disagrees about stays, and is copied again by the next run, and nothing else is touched",
  async (io) => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce(entries);
      await peer.bundle([0], [latin1("0123456789")]);
      await peer.extent({ entry: 1, index: 0 }, new Uint8Array(extentBytes));
      await peer.extent({ entry: 1, index: 1, fileVerified: true }, new Uint8Array(5));
      await peer.bundle([4, 5], [latin1("abc"), latin1("abcd")]);
      await peer.control.until("receipt");
      await peer.control.send("close", { code: 2, text: "the tree hashes differ" });
    }, {
      io,
      prepare: async (folder) => {
        await shell(
          // The portable engine knows the second of a change: the run begins in a later one.
          `mkdir -p "$1/target/old" "$1/target/other" && cd "$1/target" && echo mine > other/mine &&
         ln -s /etc/passwd away && touch -d @1500000000 other/mine &&
         until [ "$(date +%s)" -gt "$(stat --format=%Z other/mine)" ]; do sleep 0.05; done`,
          folder,
        );
      },
      after: async (folder) => {
        const times = (path: string) =>
          shell('cd "$1/$2" && find . -type f -printf "%p %T@\\n" | sort', folder, path);
        const untouched = "./other/mine 1500000000.0000000000\n";
        assertEquals(
          await times("target"),
          ["./large", "./new/inner", "./old/below"].map((path) => `${path} 0.0000000000\n`).join("") +
            untouched +
            "./small 0.0000000000\n",
        );
        await shell(source, folder);
        const [sent, received] = await again(folder, io);
        assertStatuses({ sent, received }, 0);
        assertEquals(
          await times("target"),
          ["./large", "./new/inner", "./old/below"].map((path) => `${path} ${time}.0000000000\n`).join("") +
            untouched + `./small ${time}.0000000000\n`,
        );
      },
    });
    assertEquals(reception.status, 1, reception.stderr);
    assertMatch(
      reception.stderr,
      /the tree hashes differ.*4 files have lost their time, so that the next run/,
    );
  },
);

async function again(folder: string, io: "deno" | "uring") {
  const options = { source: `${folder}/source`, target: `${folder}/target`, receive: ["--io", io] };
  const { sent, received } = await copyTree(options);
  return [sent, received] as const;
}
