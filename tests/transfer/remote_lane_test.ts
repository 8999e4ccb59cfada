/** A data connection in a real Worker, where a directory cannot be lent to it. */
import { assertEquals } from "@std/assert";
import { concat } from "../../src/base/bytes.ts";
import { RcopyError } from "../../src/base/errors.ts";
import { Codec } from "../../src/codec/codec.ts";
import { chooseEngine } from "../../src/io/choose_engine.ts";
import type { Directory, Engine, FileRead, FileWrite } from "../../src/io/contract/engine.ts";
import { readMessage, readPreamble } from "../../src/meet/handshake.ts";
import { TcpChannel } from "../../src/net/tcp_channel.ts";
import { plainTransport } from "../../src/net/transport.ts";
import type { Role } from "../../src/wire/hello.ts";
import type { LaneContext } from "../../src/transfer/lane/lane_io.ts";
import { readerArenaBytes, UnitReader } from "../../src/transfer/lane/unit_reader.ts";
import { LaneThread } from "../../src/transfer/thread/thread.ts";
import { RemoteConnection } from "../../src/transfer/thread/remote_connection.ts";
import { StageAccount } from "../../src/transfer/session/stage_account.ts";
import { encodeDataHead, encodeFrame } from "../../src/wire/frame.ts";
import { encodePreamble } from "../../src/wire/version.ts";
import { contentOf, identityIn, named } from "../contract/contract_case.ts";
import { type CallCounts, faultEngine } from "../helpers/fault_engine.ts";
import { testEngines, withFolder } from "../helpers/test_folder.ts";
import { xxh3 } from "../hostile/xxh3.ts";

const hashBytes = 16;
const swapped = new RcopyError("type-conflict", "what is in its place is another directory, says the test");

interface Lane {
  engine: Engine;
  calls: CallCounts;
  directories: Directory[];
  folder: string;
  connection: RemoteConnection;
  context: LaneContext;
  /** The other end of the connection. */
  far: Deno.TcpConn;
}

/** Directories a, b and c, of which these calls of `lendDirectory` fail, and a lane. */
async function withLane(
  { io, role, failing }: { io: "uring" | "deno"; role: Role; failing: readonly number[] },
  body: (lane: Lane) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const { engine: sound } = await chooseEngine(io);
    const faults = failing.map((call) => ({ method: "lendDirectory", call, error: swapped }) as const);
    const { engine, calls } = faultEngine(sound, faults);
    const root = engine.openRoot(folder);
    const directories = ["a", "b", "c"].map((name) => engine.makeDirectory(root, named(name), 0o755));
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const thread = await LaneThread.start(io);
    const address = { host: "127.0.0.1", port: listener.addr.port };
    const join = { kind: "join", session: new Uint8Array(16), lane: 0, token: new Uint8Array(16) } as const;
    const [far, { peer }] = await Promise.all([
      listener.accept(),
      thread.call(1, "dial", { role, address, transport: plainTransport, join }),
    ]);
    try {
      await far.write(concat(encodePreamble("data"), encodeFrame({ kind: "joined" })));
      const connection = new RemoteConnection({ thread, lane: 1, peer });
      const context = { engine, account: new StageAccount() };
      await body({ engine, calls, directories, folder, far, connection, context });
      assertEquals(calls.giveBackDirectory ?? 0, (calls.lendDirectory ?? 0) - failing.length, "given back");
    } finally {
      far.close();
      listener.close();
      await thread.end();
      engine[Symbol.dispose]();
    }
  });
}

const contents = [0, 1, 2, 3, 4, 5].map((seed) => contentOf(100 + seed, seed));
/** Which of the files have no error. */
const soundOf = (files: readonly { error?: RcopyError | undefined }[]) =>
  files.flatMap(({ error }, i) => error === undefined ? [i] : []);

/** Calls that fail, and the files that are left: file i is in directory i modulo 3. */
const cases: [failing: number[], left: number[]][] = [
  [[], [0, 1, 2, 3, 4, 5]],
  [[1], [1, 2, 4, 5]],
  [[2], [0, 2, 3, 5]],
  [[2, 3], [0, 3]],
  [[1, 2, 3], []],
];
for (const [failing, left] of cases) {
  const which = failing.length === 0 ? "none" : failing.join(" and ");
  testEngines(`a sender's lane leaves out files of directories that cannot be lent: ${which}`, async (io) => {
    await withLane(
      { io, role: "sender", failing },
      async ({ engine, calls, directories, folder, connection, context }) => {
        const reads: FileRead[] = [];
        for (const [i, content] of contents.entries()) {
          const directory = directories[i % 3]!;
          await Deno.writeFile(`${folder}/${"abc"[i % 3]}/${i}`, content);
          const expected = identityIn(engine, directory, `${i}`);
          reads.push({ directory, name: named(`${i}`), expected, offset: 0 });
        }
        const name = left.find((i) => i === 5) ?? left[0];
        if (name !== undefined) await Deno.remove(`${folder}/${"abc"[name % 3]}/${name}`);
        const hashes = await connection.toSendIo(context).readFiles(0, reads).finish();
        // One more is gone: rows of the job are not rows of the batch.
        const kept = left.filter((i) => i !== name);
        assertEquals(soundOf(reads), kept);
        assertEquals(hashes.toHex(), kept.map((i) => xxh3(contents[i]!).toHex()).join(""));
        for (const [i, { error }] of reads.entries()) {
          if (i === name) assertEquals(error?.code, "vanished");
          else assertEquals(error, left.includes(i) ? undefined : swapped);
        }
        assertEquals(calls.lendDirectory, 3, "each directory is tried once");
      },
    );
  });

  testEngines(
    `a receiver's lane leaves out files of directories that cannot be lent: ${which}`,
    async (io) => {
      await withLane(
        { io, role: "receiver", failing },
        async ({ directories, folder, far, connection, context }) => {
          const hashes = new Uint8Array(contents.flatMap((content) => [...xxh3(content)]));
          const damaged = left[1];
          if (damaged !== undefined) hashes[damaged * hashBytes]! ^= 1;
          const payload = new Uint8Array(contents.flatMap((content) => [...content]));
          const entries = Uint32Array.from(contents, (_, i) => i);
          // In pieces that end within files.
          const frames = [encodeDataHead({ kind: "bundle", batch: 0, entries }, 37), payload.subarray(0, 37)];
          for (let at = 37; at < payload.length; at += 100) {
            const piece = payload.subarray(at, at + 100);
            frames.push(encodeDataHead({ kind: "piece" }, piece.length), piece);
          }
          await far.write(concat(...frames, encodeFrame({ kind: "hashes", hashes })));
          const lane = connection.toReceiveIo(context);
          const unit = (await lane.next())!;
          assertEquals(unit.hashes, hashes);
          let offset = 0;
          const writes = contents.map(({ length: size }, i): FileWrite => {
            const mtime = { seconds: 1_700_000_000 + i, nanos: 0 };
            const write = {
              directory: directories[i % 3]!,
              name: named(`${i}`),
              atOnce: i % 2 === 0,
              mode: 0o640,
              mtime,
              offset,
              size,
            };
            offset += size;
            return write;
          });
          const sound = await unit.placeFiles(writes, unit.hashes).finish();
          assertEquals([...sound], contents.map((_, i) => i === damaged ? 0 : 1));
          assertEquals(soundOf(writes), left);
          for (const [i, content] of contents.entries()) {
            const found = await Deno.readFile(`${folder}/${"abc"[i % 3]}/${i}`).catch(() => undefined);
            assertEquals(found, left.includes(i) && i !== damaged ? content : undefined, `file ${i}`);
            assertEquals(writes[i]!.error, left.includes(i) ? undefined : swapped);
          }
        },
      );
    },
  );
}

testEngines("a sender's lane in a Worker sends an extent as a unit with its hash", async (io) => {
  await withLane(
    { io, role: "sender", failing: [] },
    async ({ engine, directories, folder, connection, context, far }) => {
      const content = contentOf(3_000_000, 7);
      await Deno.writeFile(`${folder}/a/large`, content);
      const file = engine.openSource(
        directories[0]!,
        named("large"),
        identityIn(engine, directories[0]!, "large"),
      );
      const lane = connection.toSendIo(context);
      using codec = Codec.open({ arenaBytes: readerArenaBytes });
      const channel = new TcpChannel(far);
      await readPreamble(channel);
      assertEquals((await readMessage(channel)).kind, "join");
      using reader = new UnitReader(channel, codec, context.account);
      for (const [index, turn] of ([0, 1] as const).entries()) {
        const bytes = 2_000_000 - index * 1_000_000;
        const part = content.subarray(index * 2_000_000, index * 2_000_000 + bytes);
        const range = { offset: index * 2_000_000, bytes };
        const { hash: hashes } = await lane.readExtent(turn, file, range).finish();
        const message = { kind: "extent", batch: 0, entry: 0, index } as const;
        const [unit] = await Promise.all([
          reader.next(),
          lane.write(turn, { message, payloadBytes: bytes, hashes }),
        ]);
        const { payloadOffset: at, payloadBytes } = unit!;
        assertEquals([unit!.message, payloadBytes], [message, bytes]);
        assertEquals(unit!.hashes, codec.hashOf(part));
        assertEquals(codec.hashOf(codec.memory.slice(at, at + payloadBytes)), unit!.hashes);
      }
      engine.closeSource(file);
    },
  );
});
