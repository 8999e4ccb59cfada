import { assert, assertEquals } from "@std/assert";
import { errno } from "./errno.ts";
import { atFlag, openFlag } from "./layout.ts";
import { Libc, limitOfFiles, socketOption, statfs } from "./libc.ts";
import { Scratch } from "./scratch.ts";

/** EBADF (asm-generic/errno-base.h). */
const badDescriptor = 9;

/** A test on Linux, where glibc is. */
function libcTest(name: string, body: (libc: Libc, scratch: Scratch) => Promise<void> | void): void {
  Deno.test({
    name: Deno.build.os === "linux" ? name : `${name} (skipped: there is no libc.so.6)`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      using libc = Libc.open();
      await body(libc, new Scratch(4096));
    },
  });
}

function path(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function pointerTo(scratch: Scratch): Deno.PointerObject {
  return Deno.UnsafePointer.of(scratch.bytes)!;
}

async function outputOf(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

libcTest("a call that fails gives its negated errno, not that of a call before", (libc) => {
  for (let round = 0; round < 1000; round++) { // enough for Deno's fast calls to take over
    assertEquals(libc.openat(atFlag.workingDirectory, path("/no/such"), openFlag.readOnly, 0), -errno.noent);
    assertEquals(libc.close(-1), -badDescriptor);
    assertEquals(libc.mkdirat(atFlag.workingDirectory, path("/"), 0o700), -errno.exist);
  }
});

libcTest("fstatfs() finds what stat finds", async (libc, scratch) => {
  const flags = openFlag.path | openFlag.directory | openFlag.closeOnExec;
  const fd = libc.openat(atFlag.workingDirectory, path("/"), flags, 0);
  try {
    assertEquals(libc.fstatfs(fd, pointerTo(scratch)), 0);
    const field = (at: number) => scratch.view.getBigUint64(at, true);
    const found = [statfs.type, statfs.blockSize, statfs.blocks, statfs.files].map((at) => field(at));
    const wanted = await outputOf("stat", "--file-system", "--format=%t %s %b %c", "/");
    const [type, ...rest] = wanted.split(" ");
    assertEquals(found, [BigInt(`0x${type}`), ...rest.map((text) => BigInt(text))]);
    assert(field(statfs.available) <= field(statfs.blocks));
    assert(field(statfs.filesFree) <= field(statfs.files));
  } finally {
    libc.close(fd);
  }
});

libcTest("getrlimit() finds the limit on descriptors that the shell finds", async (libc, scratch) => {
  assertEquals(libc.getrlimit(limitOfFiles, pointerTo(scratch)), 0);
  assertEquals(String(scratch.view.getBigUint64(0, true)), await outputOf("bash", "-c", "ulimit -Sn"));
});

libcTest("rewind() tells a FIFO from a file", async (libc) => {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-libc-" });
  try {
    await Deno.writeTextFile(`${folder}/file`, "x");
    assertEquals(await outputOf("mkfifo", `${folder}/fifo`), "");
    const flags = openFlag.readOnly | openFlag.nonblock | openFlag.closeOnExec;
    const results = ["file", "fifo"].map((name) => {
      const fd = libc.openat(atFlag.workingDirectory, path(`${folder}/${name}`), flags, 0);
      const result = libc.rewind(fd);
      libc.close(fd);
      return result;
    });
    assertEquals(results, [0, -29]); // ESPIPE
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

libcTest("a library that somebody still uses stays, and disposing twice is harmless", (libc) => {
  const other = Libc.open();
  other[Symbol.dispose]();
  other[Symbol.dispose]();
  assertEquals(libc.close(-1), -badDescriptor);
});

libcTest("of a socket its port and its options can be told, and an option set", (libc) => {
  const { socket, tcp } = socketOption;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const fd = [...Array(1024).keys()].find((fd) => libc.portOf(fd) === port) ?? -1;
  assert(fd >= 0, "the socket is among the first descriptors");
  assertEquals(libc.socketOption(fd, socket.level, socket.acceptsConnections), 1);
  assertEquals(libc.socketOption(fd, tcp.level, tcp.noDelay), 0);
  assertEquals(libc.setSocketOption(fd, tcp.level, tcp.noDelay, 1), 0);
  assertEquals(libc.socketOption(fd, tcp.level, tcp.noDelay), 1);
});

libcTest("of what is no socket there is no port and no option", (libc) => {
  const notSocket = 88; // ENOTSOCK (asm-generic/errno.h)
  const { level, noDelay } = socketOption.tcp;
  const fd = libc.openat(atFlag.workingDirectory, path("/dev/null"), openFlag.readOnly, 0);
  assertEquals([libc.portOf(fd), libc.portOf(-1)], [-notSocket, -badDescriptor]);
  assertEquals([libc.socketOption(fd, level, noDelay), libc.socketOption(-1, level, noDelay)], [
    -notSocket,
    -badDescriptor,
  ]);
  assertEquals(libc.setSocketOption(fd, level, noDelay, 1), -notSocket);
  libc.close(fd);
});
