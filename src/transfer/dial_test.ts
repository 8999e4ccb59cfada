/** A dialer before listeners that do not keep to the protocol, or that it cannot use: it says why, and leaves nothing open. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeRun, FakeSide } from "../../tests/helpers/fake_side.ts";
import { answer as goodAnswer } from "../../tests/helpers/handshake.ts";
import { RcopyError } from "../base/errors.ts";
import { readHandshake } from "../meet/authenticate.ts";
import { readMessage, writeFrames } from "../meet/handshake.ts";
import { listenForPeers } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import type { Close } from "../wire/closing.ts";
import { wireCodeOf } from "../wire/codes.ts";
import type { Hello } from "../wire/hello.ts";
import { encodePreamble } from "../wire/version.ts";
import { dialSession } from "./dial.ts";

/** Dials a listener that answers like this; the error of the dialer, and what it told the listener last. */
async function refusal(
  answer: Hello | Close,
  given: { side?: FakeSide; onAccepted?: () => Promise<void>; preamble?: Uint8Array } = {},
): Promise<{ error: RcopyError; told: Close | undefined }> {
  const { side = new FakeSide("receiver"), preamble = encodePreamble("control"), ...more } = given;
  using run = new FakeRun();
  using listener = listenForPeers({ port: 0, local: true }, plainTransport);
  const hearing = (async () => {
    const channel = (await listener.accept())!;
    try {
      await readHandshake(channel);
      await writeFrames(channel, preamble, answer);
      const last = await readMessage(channel);
      return last.kind === "close" ? last : undefined;
    } catch {
      return undefined;
    } finally {
      channel.close();
    }
  })();
  const plan = {
    addresses: [{ host: "127.0.0.1", port: listener.port }],
    transport: plainTransport,
    ...more,
  };
  const error = await assertRejects(() => dialSession(side, plan, run.options), RcopyError);
  return { error, told: await hearing };
}

const bad: [what: string, answer: Partial<Hello>, code: "refused" | "protocol", message: RegExp][] = [
  [
    "wants to do the same",
    { role: "receiver", creditBytes: 65536, batchEntries: 10 },
    "refused",
    /both ends want to receive; run rcopy send/,
  ],
  ["offers no data connection", { laneTokens: new Uint8Array(0) }, "protocol", /offers 0 data connections/],
  [
    "offers more than were asked for",
    { laneTokens: new Uint8Array(32) },
    "protocol",
    /offers 2 data connections/,
  ],
  ["names no session", { session: new Uint8Array(0) }, "protocol", /the sender at .* offers/],
];
for (const [what, answer, code, message] of bad) {
  Deno.test(`a listener that ${what} is told why the dialer gives up`, async () => {
    const { error, told } = await refusal({ ...goodAnswer, ...answer });
    assertEquals(error.code, code);
    assertMatch(error.message, message);
    assertEquals([told?.code, told?.text], [wireCodeOf[code], error.message]);
  });
}

Deno.test("a listener that refuses is told nothing more", async () => {
  const { error, told } = await refusal({ kind: "close", code: wireCodeOf.busy, text: "later" });
  assertMatch(`${error.code}: ${error.message}`, /^busy: .*peer says: later/);
  assertEquals(told, undefined);
});

Deno.test("a listener that has answered is told of a failure at this end", async () => {
  const onAccepted = () => Promise.reject(new RcopyError("interrupted", "the person said no"));
  const { error, told } = await refusal(goodAnswer, { onAccepted });
  assertEquals(error.code, "interrupted");
  assertEquals([told?.code, told?.text], [wireCodeOf.interrupted, "the person said no"]);
});

Deno.test("a side that cannot begin is told to nobody, since nothing was said yet", async () => {
  const side = new FakeSide("receiver", () => {
    throw new RcopyError("destination", "no such place");
  });
  const { error, told } = await refusal(goodAnswer, { side });
  assertEquals([error.code, told], ["destination", undefined]);
});

Deno.test("a listener whose hello cannot be is told of the violation", async () => {
  const { error, told } = await refusal({ ...goodAnswer, laneTokens: new Uint8Array(8) });
  assertEquals(error.code, "protocol");
  assertEquals([told?.code, told?.text], [wireCodeOf.protocol, error.message]);
});

Deno.test("a listener of another version is told so, and one that answers for data too; a stranger is not", async () => {
  const later = encodePreamble("control");
  later[8] = later[10] = 9;
  const newer = await refusal(goodAnswer, { preamble: later });
  assertEquals([newer.error.code, newer.told?.code], ["version", wireCodeOf.version]);
  const data = await refusal(goodAnswer, { preamble: encodePreamble("data") });
  assertEquals([data.error.code, data.told?.code], ["protocol", wireCodeOf.protocol]);
  const stranger = await refusal(goodAnswer, { preamble: new TextEncoder().encode("HTTP/1.1 400 Bad\r\n") });
  assertEquals([stranger.error.code, stranger.told], ["protocol", undefined]);
});
