/** PROTOCOL.md and the code say the same. */
import { assertEquals } from "@std/assert";
import { listedAddressesMax } from "./address_list.ts";
import { wireCodeOf } from "./codes.ts";
import * as limits from "./limits.ts";
import { FrameKind } from "./message.ts";

const page = Deno.readTextFileSync(new URL("PROTOCOL.md", import.meta.url));
const schema = Deno.readTextFileSync(new URL("schema.capnp", import.meta.url));

/** The cells of every table row of the page. */
const rows = page.split("\n").filter((line) => line.startsWith("|")).map((line) =>
  line.split("|").slice(1, -1).map((cell) => cell.trim())
);

Deno.test("PROTOCOL.md gives every frame kind its number, and each is a struct of the schema", () => {
  const listed = rows.filter((cells) => cells.length === 5 && /^\d+$/.test(cells[0]!))
    .map((cells) => [cells[1]!.replaceAll("`", ""), Number(cells[0])]);
  const expected = Object.entries(FrameKind)
    .map(([name, number]) => [name[0]!.toUpperCase() + name.slice(1), number]);
  assertEquals(listed, expected);
  for (const [name] of expected) assertEquals(schema.includes(`struct ${name} {`), true, String(name));
});

Deno.test("PROTOCOL.md gives every error code its number", () => {
  const listed = rows.filter((cells) => cells.length === 6).flatMap((cells) =>
    [0, 2, 4].map((at) => [cells[at]!, cells[at + 1]!]).filter(([number]) => /^\d+$/.test(number!))
  );
  const numbers = listed.map(([number]) => Number(number)).sort((a, b) => a - b);
  assertEquals(numbers, Object.values(wireCodeOf).sort((a, b) => a - b));
  // Most are called as in the code; these are called in more words, or in fewer.
  const called: Record<string, string> = {
    "name-unsafe": "unsafe name",
    "name-unrepresentable": "name not representable",
    "not-sent": "not sent (listed, not a failure)",
    "io": "input/output",
    "grown": "grown (in no message)",
    "again": "again (of a receiver alone)",
    "read-only": "read-only",
  };
  for (const [code, number] of Object.entries(wireCodeOf)) {
    const [, name] = listed.find(([listedNumber]) => Number(listedNumber) === number)!;
    assertEquals(name, called[code] ?? code.replaceAll("-", " "));
  }
});

Deno.test("PROTOCOL.md repeats the limits of limits.ts", () => {
  const kib = (bytes: number) => bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MiB` : `${bytes / 1024} KiB`;
  const table = page.split("## Limits")[1]!;
  const listed = Object.fromEntries(
    table.split("\n").filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").map((cell) => cell.trim())).map((cells) => [cells[1]!, cells[2]!]),
  );
  const expected = {
    "message of a first frame": kib(limits.handshakeMessageBytesMax),
    "message of a control frame": kib(limits.controlMessageBytesMax),
    "message of a data frame": kib(limits.dataMessageBytesMax),
    "content of a unit, and grid of extents": kib(limits.extentBytes),
    "segments of a message": `${limits.segmentsMax}`,
    "entries of a batch": `${limits.batchEntriesMax}`,
    "files of a bundle": `${limits.bundleFilesMax}`,
    "entries of a `HeldSettled`": `${limits.settlementEntriesMax}`,
    "name": `255 bytes; in a \`Failure\` ${limits.failureNameBytesMax}`,
    "link text": `${limits.linkTargetBytesMax} bytes`,
    "text": `${limits.textBytesMax} bytes`,
    "credit": `${kib(limits.creditBytesMin)} to ${kib(limits.creditBytesMax)}`,
    "data connections": `${limits.streamsMax} at a time, ${limits.lanesMax} in all`,
    "extents of a `Kept`": `${limits.keptExtentsMax}`,
    "files of a `FileHashes`, of a `Compared`": `${limits.bundleFilesMax} in each list`,
    "hashes of compared extents at a time": limits.keptHashesMax.toLocaleString("en"),
    "block of an extent": kib(limits.blockBytes),
    "extents of a `Blocks`": `${limits.toldExtentsMax}`,
    "extents of which blocks are told at a time": `${limits.toldExtentsMax}`,
    "kept extents of files not settled": limits.keptHashesMax.toLocaleString("en"),
    "`Resend` of one extent": `${limits.resendsMax}`,
    "addresses of a list": `${listedAddressesMax}`,
    "pings of an end without an answer": `${limits.pingsMax}`,
    "from accept to a valid first frame": `${limits.handshakeMs / 1000} s`,
    "from a `Join` to its answer": `${limits.handshakeMs / 1000} s`,
    "from a token to its `Join`": `${limits.joinMs / 1000} s`,
    "directories that are open": `${limits.openDirectoriesMax.toLocaleString("en")}, directory 0 among them`,
    "large files begun and not settled": `${limits.largeFilesMax}`,
  };
  for (const [what, limit] of Object.entries(expected)) assertEquals(listed[what], limit, what);
});

Deno.test("PROTOCOL.md names the role that each rule is about, and neither dialer nor listener, which are four at once", () => {
  assertEquals(page.match(/\b(dialer|listener|dials|listens)\b/gi), null);
});

Deno.test("PROTOCOL.md has every field of the structs whose fields have a meaning of their own", () => {
  for (
    const struct of ["Hello", "Receipt", "Manifest", "Wants", "Kept", "Blocks", "FileHashes", "Compared"]
  ) {
    const body = schema.split(`struct ${struct} {`)[1]!.split("}")[0]!;
    const fields = [...body.matchAll(/^\s*(\w+) @\d+/gm)].map(([, field]) => field!);
    const missing = fields.filter((field) => field !== "batch" && !page.includes(`\`${field}`));
    assertEquals(missing, [], struct);
  }
});
