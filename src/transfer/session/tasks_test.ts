import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import { type HeardControl, heardControl } from "../../../tests/helpers/transfer_parts.ts";
import { SessionTasks } from "./tasks.ts";

interface Session extends HeardControl {
  tasks: SessionTasks;
  controller: AbortController;
}

function session(): Session {
  const heard = heardControl();
  const controller = new AbortController();
  return { ...heard, controller, tasks: new SessionTasks(heard.control, controller.signal) };
}

/** A data connection, as far as a session knows it, and a loop that a test ends. */
function lane() {
  const loop = Promise.withResolvers<void>();
  const connection = {
    peer: "second",
    bytesRead: 0,
    bytesWritten: 0,
    closed: 0,
    close: () => void connection.closed++,
  };
  return { connection, loop, run: () => loop.promise };
}

const lost = new RcopyError("peer-lost", "the network is down, says the test");
const damaged = new RcopyError("protocol", "nonsense, says the test");

Deno.test("SessionTasks ends with the first loop that fails, and tells the peer why", async () => {
  const { tasks } = session();
  tasks.start(() => Promise.reject(damaged));
  tasks.start(() => Promise.reject(new RcopyError("io", "later")));
  const { error, close } = await tasks.ended();
  assertEquals([error, close], [damaged, {
    kind: "close",
    code: wireCodeOf.protocol,
    text: damaged.message,
  }]);
});

Deno.test("SessionTasks tells nothing to a peer that is lost", async () => {
  const { tasks } = session();
  tasks.fail(lost);
  assertEquals(await tasks.ended(), { error: lost });
});

Deno.test("SessionTasks fails with the reason of an abort, also of one that came before", async () => {
  const interrupted = new RcopyError("interrupted", "says the test");
  const later = session();
  later.controller.abort(interrupted);
  assertEquals((await later.tasks.ended()).error, interrupted);
  const tasks = new SessionTasks(session().control, AbortSignal.abort(interrupted));
  assertEquals((await tasks.ended()).error, interrupted);
});

Deno.test("SessionTasks goes on over the other data connections when one breaks", async () => {
  const { tasks } = session();
  const [first, second] = [lane(), lane()];
  const told = Promise.withResolvers<[RcopyError, number]>();
  tasks.onLaneLost = (error, others) => told.resolve([error, others]);
  for (const { connection, run } of [first, second]) tasks.startLane(connection, run);
  assertEquals(tasks.lanesAlive, 2);
  first.loop.reject(lost);
  assertEquals(await told.promise, [lost, 1]);
  assertEquals([tasks.lanesAlive, tasks.hasEnded], [1, false]);
  assertEquals([first.connection.closed, tasks.lanes.length], [1, 2]);
  second.loop.reject(damaged);
  assertEquals((await tasks.ended()).error, damaged);
});

Deno.test("SessionTasks tells of no loss where the session ends with an error", async () => {
  const { tasks } = session();
  const [first, second] = [lane(), lane()];
  tasks.onLaneLost = () => {
    throw new Error("the peer hung up, and no connection was lost");
  };
  for (const { connection, run } of [first, second]) tasks.startLane(connection, run);
  first.loop.reject(lost);
  await first.loop.promise.catch(() => {});
  tasks.fail(damaged);
  second.loop.resolve();
  assertEquals((await tasks.ended()).error, damaged);
  await tasks.close({ error: damaged });
});

Deno.test("SessionTasks ends at once when a data connection brings nonsense, whatever the others do", async () => {
  const { tasks } = session();
  const [first, second] = [lane(), lane()];
  for (const { connection, run } of [first, second]) tasks.startLane(connection, run);
  first.loop.reject(damaged);
  await first.loop.promise.catch(() => {});
  await Promise.resolve();
  assertEquals([tasks.hasEnded, tasks.lanesAlive], [true, 1]);
});

Deno.test("SessionTasks prefers the reason that control brings to the loss of the last data connection", async () => {
  const { tasks } = session();
  const { connection, loop, run } = lane();
  tasks.startLane(connection, run);
  loop.reject(lost);
  await loop.promise.catch(() => {});
  await Promise.resolve();
  assertEquals([tasks.lanesAlive, tasks.hasEnded], [0, false]);
  tasks.end({ error: damaged });
  assertEquals((await tasks.ended()).error, damaged);
});

Deno.test("SessionTasks ends when the last data connection is lost and control says nothing", async () => {
  const { tasks } = session();
  const { connection, loop, run } = lane();
  tasks.startLane(connection, run);
  loop.reject(lost);
  assertEquals((await tasks.ended()).error, lost);
});

Deno.test("SessionTasks goes on when another data connection is opened in time for the last one", async () => {
  const { tasks } = session();
  const [first, second] = [lane(), lane()];
  const lane0Lost = Promise.withResolvers<RcopyError>();
  tasks.onLaneLost = lane0Lost.resolve;
  tasks.startLane(first.connection, first.run);
  first.loop.reject(lost);
  await first.loop.promise.catch(() => {});
  tasks.startLane(second.connection, second.run);
  assertEquals(await lane0Lost.promise, lost);
  assertEquals([tasks.lanesAlive, tasks.hasEnded], [1, false]);
  second.loop.reject(damaged);
  assertEquals((await tasks.ended()).error, damaged);
});

Deno.test("SessionTasks closes with a last message, and waits for the peer and for every loop", async () => {
  const { tasks, heard, hangUp } = session();
  const { connection, loop, run } = lane();
  tasks.startLane(connection, run);
  tasks.fail(damaged);
  const end = await tasks.ended();
  let isClosed = false;
  const closing = tasks.close(end).then(() => isClosed = true);
  assertEquals(await heard(), [end.close!]);
  assertEquals([connection.closed > 0, isClosed], [true, false]);
  hangUp();
  loop.resolve();
  await closing;
});

Deno.test("SessionTasks takes what still comes over data connections when the peer is lost, where it is to", async () => {
  for (const takesRest of [true, false]) {
    const { tasks } = session();
    const { connection, loop, run } = lane();
    tasks.startLane(connection, run);
    tasks.fail(lost);
    const closing = tasks.close(await tasks.ended(), { takesRest });
    assertEquals(connection.closed > 0, !takesRest);
    connection.bytesRead += 10;
    loop.resolve(); // the stream has ended
    await closing;
    assertEquals(connection.closed > 0, true);
  }
});

Deno.test("SessionTasks takes nothing more of a peer that sends nonsense, or brings nothing", async () => {
  for (const [error, isAtOnce] of [[damaged, true], [lost, false]] as const) {
    const { tasks, hangUp } = session();
    const { connection, loop, run } = lane();
    connection.close = () => {
      connection.closed++;
      loop.resolve();
    };
    tasks.startLane(connection, run);
    const closing = tasks.close({ error }, { takesRest: true });
    assertEquals(connection.closed > 0, isAtOnce);
    hangUp();
    await closing;
    assertEquals(connection.closed > 0, true);
  }
});
