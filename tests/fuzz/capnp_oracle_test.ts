/** Debian's `capnp` reads what we write and writes what we read: the messages are Cap'n Proto and nothing of our own. */
import { assertEquals } from "@std/assert";
import { decodeCapnp, encodeMessage, FrameKind, type Message } from "../../src/wire/message.ts";
import { whyNot } from "../helpers/test_folder.ts";

const schema = new URL("../../src/wire/schema.capnp", import.meta.url).pathname;
const why = whyNot({ programs: ["capnp"] });
const unless = why === undefined ? "" : ` (skipped: ${why})`;

async function capnp(args: string[], input: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const child = new Deno.Command("capnp", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(input);
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`capnp ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  return stdout.slice();
}

/** A message of each kind that differs in build, and the text that `capnp` must print for it. */
const cases: [string, Message, string][] = [
  [
    "Manifest",
    {
      kind: "manifest",
      batch: 7,
      groupDirectories: Uint32Array.of(0, 4294967295),
      groupCounts: Uint32Array.of(1, 2),
      kinds: Uint8Array.of(1, 2, 3),
      modes: Uint16Array.of(420, 493, 511),
      sizes: BigUint64Array.of(9007199254740991n, 0n, 0n),
      mtimeSeconds: BigInt64Array.of(-1n, 0n, 1700000000n),
      mtimeNanos: Uint32Array.of(999999999, 0, 1),
      names: new TextEncoder().encode("a\0b\0c\0"),
      linkTargets: new TextEncoder().encode("x\0"),
      closed: Uint32Array.of(0),
      stamps: new TextEncoder().encode("0123456789abcdef"),
    },
    "(batch = 7, groupDirectories = [0, 4294967295], groupCounts = [1, 2], kinds = [1, 2, 3], " +
    "modes = [420, 493, 511], sizes = [9007199254740991, 0, 0], mtimeSeconds = [-1, 0, 1700000000], " +
    'mtimeNanos = [999999999, 0, 1], names = "a\\000b\\000c\\000", linkTargets = "x\\000", closed = [0], stamps = "0123456789abcdef")',
  ],
  [
    "Failure",
    {
      kind: "failure",
      place: { of: "name", directory: 3, name: Uint8Array.of(0xe9) },
      code: 22,
      text: "a FIFO, naïve",
    },
    '(code = 22, text = "a FIFO, naïve", place = (name = (directory = 3, component = "\\351")))',
  ],
  [
    "HeldSettled",
    {
      kind: "heldSettled",
      batches: Uint32Array.of(1, 2),
      entries: Uint32Array.of(3, 4),
      outcomes: Uint8Array.of(0, 2),
    },
    "(batches = [1, 2], entries = [3, 4], outcomes = [0, 2])",
  ],
  ["Ping", { kind: "ping", id: 4294967295 }, "(id = 4294967295)"],
  ["Pong", { kind: "pong", id: 7 }, "(id = 7)"],
  ["Joined", { kind: "joined" }, "()"],
  [
    "LaneOffer",
    {
      kind: "laneOffer",
      lane: 3,
      token: new TextEncoder().encode("0123456789abcdef"),
      addresses: [{ host: "97.98.99.100", port: undefined }],
    },
    '(lane = 3, token = "0123456789abcdef", addresses = "\\001\\004\\004abcd")',
  ],
  ["LaneRequest", { kind: "laneRequest", count: 3 }, "(count = 3)"],
  [
    "Taken",
    { kind: "taken", lane: 1, units: 99, bytes: 5_000_000 },
    "(lane = 1, units = 99, bytes = 5000000)",
  ],
  ["Extent", { kind: "extent", batch: 1, entry: 2, index: 3 }, "(batch = 1, entry = 2, index = 3)"],
  [
    "Patch",
    { kind: "patch", batch: 1, entry: 2, index: 3, blocks: 0xffff_fffe },
    "(batch = 1, entry = 2, index = 3, blocks = 4294967294)",
  ],
  [
    "Blocks",
    {
      kind: "blocks",
      batch: 1,
      entry: 2,
      first: 3,
      hashes: new Uint8Array(32).fill(97),
      more: true,
    },
    `(batch = 1, entry = 2, first = 3, hashes = "${"a".repeat(32)}", more = true)`,
  ],
  [
    "Bundle",
    { kind: "bundle", batch: 1, entries: Uint32Array.of(2, 3) },
    "(batch = 1, entries = [2, 3], unsized = false)",
  ],
  [
    "Bundle",
    {
      kind: "bundle",
      batch: 1,
      entries: Uint32Array.of(2),
      unsized: true,
      grown: Uint32Array.of(2),
    },
    "(batch = 1, entries = [2], unsized = true, grown = [2])",
  ],
  ["Piece", { kind: "piece" }, "()"],
  ["Hashes", { kind: "hashes", hashes: new Uint8Array(16).fill(97) }, `(hashes = "${"a".repeat(16)}")`],
  [
    "FileVerified",
    { kind: "fileVerified", batch: 1, entry: 2, hash: new Uint8Array(16).fill(97), grown: true },
    `(batch = 1, entry = 2, hash = "${"a".repeat(16)}", grown = true)`,
  ],
  ["Resend", { kind: "resend", batch: 1, entry: 2, extent: 3 }, "(batch = 1, entry = 2, extent = 3)"],
];

for (const [struct, message, text] of cases) {
  Deno.test({
    name: `capnp reads our ${struct} as it was meant${unless}`,
    ignore: why !== undefined,
    async fn() {
      const printed = new TextDecoder().decode(
        await capnp(["decode", "--short", schema, struct], encodeMessage(message)),
      );
      // Later versions escape in hexadecimal.
      const octal = printed.replace(
        /\\x([0-9a-f]{2})/g,
        (_, digits) => `\\${parseInt(digits, 16).toString(8).padStart(3, "0")}`,
      );
      assertEquals(octal.trim(), text);
    },
  });

  Deno.test({
    name: `we read the ${struct} of capnp as it was meant${unless}`,
    ignore: why !== undefined,
    async fn() {
      const bytes = await capnp(["encode", schema, struct], new TextEncoder().encode(text));
      assertEquals(decodeCapnp(FrameKind[message.kind], bytes), message);
    },
  });
}
