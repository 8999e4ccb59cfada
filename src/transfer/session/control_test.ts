import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { encodeFrame } from "../../wire/frame.ts";
import { FrameSplitter } from "../../wire/frame_splitter.ts";
import type { Message } from "../../wire/message.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { Control } from "./control.ts";

const credit = (bytes: number): Message => ({ kind: "credit", bytes });

/** Reads until so many messages have come. */
async function read(control: Control, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  await control.readMessages((message) => messages.push(message) < count);
  return messages;
}

Deno.test("Control brings messages in their order, whatever the pieces in which they arrive", async () => {
  const [near, far] = memoryChannels({ readBytesMax: 1 });
  const [sender, receiver] = [near, far].map((channel) => new Control(channel, new FrameSplitter())) as [
    Control,
    Control,
  ];
  for (let i = 1; i <= 5; i++) sender.send(credit(i));
  assertEquals(await read(receiver, 5), [1, 2, 3, 4, 5].map(credit));
});

Deno.test("Control joins messages that are sent in one turn into one write", async () => {
  const [near, far] = memoryChannels();
  const control = new Control(near, new FrameSplitter());
  const bytes = control.send(credit(1)) + control.send(credit(2));
  await control.flushed();
  const buffer = new Uint8Array(1000);
  assertEquals(await far.read(buffer), bytes);
});

Deno.test("Control tells how many bytes a message took, on both ends", async () => {
  const [near, far] = memoryChannels();
  const sent = new Control(near, new FrameSplitter()).send(credit(1));
  const receiver = new Control(far, new FrameSplitter());
  await receiver.readMessages(() => false);
  assertEquals([receiver.lastMessageBytes, sent], [sent, encodeFrame(credit(1)).length]);
});

Deno.test("Control first gives what came behind the handshake", async () => {
  const splitter = new FrameSplitter();
  splitter.push(encodeFrame(credit(1)));
  const [near] = memoryChannels();
  assertEquals(await read(new Control(near, splitter), 1), [credit(1)]);
});

Deno.test("Control does not wait for its writes, and says in the end what broke them", async () => {
  const [near, far] = memoryChannels({ windowBytes: 10 });
  const control = new Control(near, new FrameSplitter());
  control.send(credit(1));
  const flushed = control.flushed();
  far.close();
  assertEquals((await assertRejects(() => flushed, RcopyError)).code, "peer-lost");
  control.send(credit(2)); // nothing leaves any more, and nothing is thrown
  await assertRejects(() => control.flushed(), RcopyError);
});

Deno.test("Control fails as peer-lost at the end of the stream", async () => {
  const [near, far] = memoryChannels();
  far.close();
  const error = await assertRejects(() => read(new Control(near, new FrameSplitter()), 1), RcopyError);
  assertEquals(error.code, "peer-lost");
});
