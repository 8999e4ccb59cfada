/** Whole sessions in one process, over channels that behave as badly as they may. */
import { assert, assertEquals } from "@std/assert";
import type { RcopyError } from "../../src/base/errors.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import type { Engine } from "../../src/io/contract/engine.ts";
import type { TransferSummary } from "../../src/transfer/session/events.ts";
import { creditBytesMin } from "../../src/wire/limits.ts";
import { FrameKind } from "../../src/wire/message.ts";
import { withSeed } from "../helpers/random.ts";
import { runSessionPair, type SessionPairResult } from "../helpers/session_pair.ts";
import { assertSameTree, makeSmallTree, withTwoDirectories } from "../helpers/small_tree.ts";

/** Both summaries, which must agree in everything but time, bytes on the wire, and what the receiver alone knows. */
function agreed({ sent, received }: SessionPairResult): TransferSummary {
  if (sent.status === "rejected") throw sent.reason;
  if (received.status === "rejected") throw received.reason;
  const strip = (summary: TransferSummary) => {
    const { role: _role, elapsedMs: _elapsed, wireBytes: _wire, replaced: _replaced, ...rest } = summary;
    return rest;
  };
  assertEquals(strip(sent.value), strip(received.value));
  return received.value;
}

Deno.test("a session copies a tree, and both ends count the same", async () => {
  await withTwoDirectories(async (source, target) => {
    const paths = makeSmallTree(source, {
      directories: 12,
      filesPerDirectory: 30,
      sizeOf: (r) => r * r * 40_000,
    });
    const summary = agreed(await runSessionPair({ source, target }));
    await assertSameTree(source, target);
    assertEquals([summary.files, summary.directories, summary.links], [paths.length, 13, 12]);
    assertEquals([summary.skipped, summary.failed, summary.exitStatus], [0, 0, 0]);
  });
});

Deno.test("a session cannot deadlock: credit of one entry, one-byte reads, lanes delayed at random", async () => {
  await withSeed(async (random) => {
    await withTwoDirectories(async (source, target) => {
      makeSmallTree(source, { directories: 6, filesPerDirectory: 5, sizeOf: (r) => r * 300 });
      const delayed = () =>
        new Promise<void>((resolve) => random() < 0.02 ? setTimeout(resolve, random() * 3) : resolve());
      const lane = { windowBytes: 64, readBytesMax: 1, beforeRead: delayed };
      for (const wantsAll of [true, false]) {
        agreed(
          await runSessionPair({
            source,
            target,
            control: { windowBytes: 100, readBytesMax: 1 },
            lanes: [lane, lane, lane],
            creditBytes: creditBytesMin,
            batchEntries: 1,
            wantsAll,
          }),
        );
        await assertSameTree(source, target);
      }
    });
  });
});

Deno.test("a durable copy tells the engine so of each large file, and no other does", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 1, filesPerDirectory: 2, sizeOf: () => 5_000_000 });
    using engine = openDenoEngine();
    const told: unknown[] = [];
    const listening = new Proxy(engine, {
      get(from, property) {
        const value = Reflect.get(from, property, from);
        if (property === "createTarget") {
          return (...args: Parameters<Engine["createTarget"]>) => {
            told.push(args[2].isDurable);
            return engine.createTarget(...args);
          };
        }
        return typeof value === "function" ? value.bind(from) : value;
      },
    });
    for (const durable of [true, false]) {
      agreed(await runSessionPair({ source, target, durable, exists: "replace", receiverEngine: listening }));
      assertEquals(told.splice(0), [durable, durable]);
    }
  });
});

Deno.test("large and small files travel over four lanes, one of which hardly moves", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 3, filesPerDirectory: 6, sizeOf: (r) => r * 14_000_000 });
    const slow = {
      readBytesMax: 32 * 1024,
      beforeRead: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
    };
    agreed(await runSessionPair({ source, target, lanes: [{}, slow, {}, {}] }));
    await assertSameTree(source, target);
  });
});

Deno.test("a second run skips everything, and one changed file is copied alone", async () => {
  await withTwoDirectories(async (source, target) => {
    const paths = makeSmallTree(source, { directories: 4, filesPerDirectory: 8, sizeOf: (r) => r * 1000 });
    agreed(await runSessionPair({ source, target }));
    const second = agreed(await runSessionPair({ source, target }));
    assertEquals([second.files, second.links, second.skipped], [0, 0, paths.length + 4]);
    Deno.writeTextFileSync(`${source}/${paths[3]}`, "changed");
    const third = agreed(await runSessionPair({ source, target }));
    assertEquals([third.files, third.skipped], [1, paths.length + 3]);
    await assertSameTree(source, target);
  });
});

Deno.test("content is compared over a credit of one entry and slow lanes, and what differs replaces what is there", async () => {
  await withTwoDirectories(async (source, target) => {
    const paths = makeSmallTree(source, {
      directories: 3,
      filesPerDirectory: 5,
      sizeOf: (r) => 100 + r * 1000,
    });
    Deno.writeFileSync(`${source}/large`, new Uint8Array(13_000_000).fill(7));
    agreed(await runSessionPair({ source, target }));
    for (const path of [paths[2]!, "large"]) {
      const { mtime } = Deno.lstatSync(`${target}/${path}`);
      const content = Deno.readFileSync(`${target}/${path}`);
      content[content.length - 1]! ^= 1;
      Deno.writeFileSync(`${target}/${path}`, content);
      Deno.utimeSync(`${target}/${path}`, mtime!, mtime!);
    }
    const lane = { windowBytes: 4096, readBytesMax: 70_000 };
    const checked = agreed(
      await runSessionPair({
        source,
        target,
        control: { windowBytes: 100, readBytesMax: 7 },
        lanes: [lane, lane],
        creditBytes: creditBytesMin,
        batchEntries: 1,
        check: true,
      }),
    );
    assertEquals([checked.files, checked.compared, checked.failed], [2, paths.length + 1, 0]);
    await assertSameTree(source, target);
    assertEquals(agreed(await runSessionPair({ source, target, check: true })).files, 0);
  });
});

Deno.test("lanes that cut content into pieces of their own sizes make the same tree", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 3, filesPerDirectory: 20, sizeOf: (random) => random * 300_000 });
    Deno.mkdirSync(`${source}/large`);
    makeSmallTree(`${source}/large`, { directories: 1, filesPerDirectory: 1, sizeOf: () => 9_000_000 });
    const lanes = [{ pieceBytes: 1000 }, { pieceBytes: 65_537, readBytesMax: 3000 }, {}];
    const summary = agreed(await runSessionPair({ source, target, lanes }));
    assertEquals(summary.failed, 0);
    await assertSameTree(source, target);
  });
});

Deno.test("a flipped bit of content on the wire is asked for again and mended", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 2, filesPerDirectory: 3, sizeOf: () => 5_000_000 });
    let writes = 0;
    const tamper = (bytes: Uint8Array) => {
      if (bytes.length > 1_000_000 && writes++ % 3 === 0) bytes[bytes.length - 100]! ^= 1;
    };
    agreed(await runSessionPair({ source, target, lanes: [{ tamper }] }));
    await assertSameTree(source, target);
    assert(writes > 6, "something was sent twice");
  });
});

Deno.test("an extent that never arrives whole fails its file alone, with status 23", async () => {
  await withTwoDirectories(async (source, target) => {
    const paths = makeSmallTree(source, { directories: 1, filesPerDirectory: 2, sizeOf: () => 5_000_000 });
    const tamper = (bytes: Uint8Array) => {
      // The last, short extent of every large file.
      if (bytes.length > 800_000 && bytes.length < 900_000) bytes[bytes.length - 100]! ^= 0x80;
    };
    const summary = agreed(await runSessionPair({ source, target, lanes: [{ tamper }] }));
    assertEquals([summary.files, summary.failed, summary.exitStatus], [1, paths.length - 1, 23]);
    const names = [...Deno.readDirSync(`${target}/d0`)].map((entry) => entry.name);
    assertEquals(names.filter((name) => !name.startsWith(".")), ["link"]);
    // What arrived whole is kept for the next run.
    const endings = names.filter((name) => name.startsWith(".")).map((name) => name.split(".").at(-1));
    assertEquals(endings.toSorted(), ["journal", "journal", "part", "part"]);
    assertEquals(
      [...Deno.readDirSync(target)].map((entry) => entry.name).filter((name) => name.startsWith(".")),
      [],
    );
  });
});

Deno.test("a flipped bit in the head of a frame ends the session as a protocol violation", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 2, filesPerDirectory: 50, sizeOf: () => 1000 });
    const tamper = (bytes: Uint8Array) => {
      bytes[40]! ^= 4;
    };
    const { sent, received } = await runSessionPair({ source, target, lanes: [{ tamper }] });
    assertEquals(received.status === "rejected" && (received.reason as RcopyError).code, "protocol");
    assertEquals(sent.status === "rejected" && (sent.reason as RcopyError).exitStatus, 3);
  });
});

Deno.test("an interrupted receiver ends with 130, its sender with 4, and what is there is whole", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 6, filesPerDirectory: 40, sizeOf: (r) => r * 200_000 });
    const controller = new AbortController();
    const { RcopyError } = await import("../../src/base/errors.ts");
    let seen = 0;
    const { sent, received } = await runSessionPair({
      source,
      target,
      lanes: [{
        readBytesMax: 100_000,
        beforeRead: () => {
          if (++seen === 100) controller.abort(new RcopyError("interrupted", "interrupted"));
        },
      }],
      receiverSignal: controller.signal,
    });
    assertEquals(received.status === "rejected" && (received.reason as RcopyError).exitStatus, 130);
    assertEquals(sent.status === "rejected" && (sent.reason as RcopyError).exitStatus, 4);
    for (const entry of Deno.readDirSync(target)) assert(!entry.name.startsWith(".rcopy-"), entry.name);
    const { code, stdout } = await new Deno.Command("diff", {
      args: ["-r", "--no-dereference", source, target],
    }).output();
    assertEquals(code, 1);
    for (const line of new TextDecoder().decode(stdout).trim().split("\n")) {
      assert(line.startsWith(`Only in ${source}`), line);
    }
    agreed(await runSessionPair({ source, target }));
    await assertSameTree(source, target);
  });
});

Deno.test("credit comes back: a tree whose manifest is many times the credit arrives whole", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 10, filesPerDirectory: 150, sizeOf: () => 3 });
    const summary = agreed(await runSessionPair({ source, target, creditBytes: creditBytesMin }));
    assertEquals(summary.files, 1501);
    await assertSameTree(source, target);
  });
});

Deno.test("content leaves before the scan has ended, also from one directory", async () => {
  await withTwoDirectories(async (source, target) => {
    for (let i = 0; i < 5000; i++) Deno.writeTextFileSync(`${source}/file-${i}`, "x");
    const order: string[] = [];
    const kindAt = 8; // of a frame's header
    const noteManifestEnd = (bytes: Uint8Array) => {
      // Frames that leave together are joined; the end of the manifest is the last of them.
      for (let at = 0; at < bytes.length;) {
        const view = new DataView(bytes.buffer, bytes.byteOffset + at);
        if (bytes[at + kindAt] === FrameKind.manifestEnd) order.push("end of the manifest");
        at += 16 + view.getUint32(0, true);
      }
    };
    const noteContent = () => {
      if (!order.includes("content")) order.push("content");
    };
    agreed(
      await runSessionPair({
        source,
        target,
        control: { tamper: noteManifestEnd },
        lanes: [{ tamper: noteContent }],
      }),
    );
    assertEquals(order, ["content", "end of the manifest"]);
  });
});

Deno.test("a session that fails while data waits for its batch ends all the same", async () => {
  await withTwoDirectories(async (source, target) => {
    makeSmallTree(source, { directories: 2, filesPerDirectory: 20, sizeOf: () => 1000 });
    // The first batch is damaged, so that the receiver refuses it while the data of it is on its way already.
    let isFirst = true;
    const damage = (bytes: Uint8Array) => {
      if (!isFirst || bytes.length < 1000) return;
      bytes[40]! ^= 4;
      isFirst = false;
    };
    for (let delayMs = 0; delayMs < 12; delayMs += 3) {
      isFirst = true;
      const beforeRead = () => new Promise<void>((resolve) => setTimeout(resolve, delayMs));
      const { received } = await runSessionPair({
        source,
        target,
        wantsAll: true,
        control: { tamper: damage },
        lanes: [{ beforeRead }],
      });
      assertEquals(received.status === "rejected" && (received.reason as RcopyError).code, "protocol");
    }
  });
});
