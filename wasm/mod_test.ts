import { assert, assertEquals, assertThrows } from "@std/assert";
import { instantiate, pageBytes, reservedBytes } from "./mod.ts";

const emptyHash = "99aa06d3014798d86001c324468d497f";
const entry = new URL("./mod.ts", import.meta.url).href;
/** A program that prints the hash of nothing, by an instance of its own. */
const program = `
  const { exports, memory } = instantiate(${pageBytes});
  exports.hash(8192, 0, 4096);
  const hash = new Uint8Array(memory.buffer, 4096, 16).toHex();`;

Deno.test("the codec loads and hashes without any permission", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode(`import { instantiate } from "${entry}"; ${program} console.log(hash);`),
  );
  await writer.close();
  const { stdout, stderr } = await child.output();
  assertEquals(new TextDecoder().decode(stdout).trim(), emptyHash, new TextDecoder().decode(stderr));
});

Deno.test("a Worker has an instance of its own", async () => {
  const text = `import { instantiate } from "${entry}"; ${program} postMessage(hash);`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  try {
    const answer = Promise.withResolvers<string>();
    worker.onmessage = (event) => answer.resolve(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      answer.reject(new Error(event.message));
    };
    assertEquals(await answer.promise, emptyHash);
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
});

Deno.test("the memory cannot grow, and every instance has its own", () => {
  const first = instantiate(4 * pageBytes);
  const second = instantiate(2 * pageBytes);
  assertEquals([first.memory.buffer.byteLength, second.memory.buffer.byteLength], [262_144, 131_072]);
  assertThrows(() => first.memory.grow(1), RangeError);
  new Uint8Array(first.memory.buffer).fill(1, reservedBytes);
  assert(new Uint8Array(second.memory.buffer, reservedBytes).every((byte) => byte === 0));
});

Deno.test("the module writes what it is told to and its own reserved bytes, nothing else", () => {
  const { exports, memory } = instantiate(2 * pageBytes);
  const bytes = new Uint8Array(memory.buffer);
  const [table, into, state, input] = [8192, 12_288, 16_384, 65_536];
  assert(bytes.subarray(reservedBytes).every((byte) => byte === 0), "its constants are reserved bytes");
  bytes.fill(0xa5, reservedBytes);
  new Uint32Array(memory.buffer, table, 4).set([input, 5000, input + 7, 200]);
  const before = bytes.slice();
  exports.hash(input, 10_000, into);
  exports.hashMany(2, table, into + 16);
  exports.streamInit(state);
  for (const length of [0, 100, 3000, 256, 257]) exports.streamUpdate(state, input, length);
  exports.streamDigest(state, into + 48);
  const written = [[into, into + 64], [state, state + exports.stateBytes.value]] as const;
  for (let at = reservedBytes; at < bytes.length; at++) {
    if (written.some(([from, to]) => at >= from && at < to)) continue;
    if (bytes[at] !== before[at]) throw new Error(`byte ${at} has been written`);
  }
});

Deno.test("a range that leaves the memory is a trap, not a hash", () => {
  const { exports } = instantiate(pageBytes);
  for (const [offset, length] of [[pageBytes - 10, 11], [0, pageBytes + 1], [2 ** 32 - 300, 300]] as const) {
    assertThrows(() => exports.hash(offset, length, 8192), WebAssembly.RuntimeError);
  }
});
