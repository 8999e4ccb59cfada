/** The messages of a session that lives, and of one that ends: `Ping`, `Pong` and `Close`. */
import { assign, cappedText, clipped, type MessageCodec } from "./fields.ts";
import * as schema from "./schema.ts";

/** A sign of life that asks for one; either direction. The peer answers at once, in order, on control. */
export interface Ping {
  kind: "ping";
  /** Any number; the answer repeats it. */
  id: number;
}

export const ping: MessageCodec<Ping> = {
  encode(capnp, message) {
    capnp.initRoot(schema.Ping).id = message.id;
  },
  decode(capnp) {
    return { kind: "ping", id: capnp.getRoot(schema.Ping).id };
  },
};

/** The answer to the oldest `Ping` that has none. */
export interface Pong {
  kind: "pong";
  id: number;
}

export const pong: MessageCodec<Pong> = {
  encode(capnp, message) {
    capnp.initRoot(schema.Pong).id = message.id;
  },
  decode(capnp) {
    return { kind: "pong", id: capnp.getRoot(schema.Pong).id };
  },
};

/** The end of the session; code 0 after a receipt that agrees, else the reason. */
export interface Close {
  kind: "close";
  code: number;
  text: string;
}

export const close: MessageCodec<Close> = {
  encode(capnp, message) {
    assign(capnp.initRoot(schema.Close), { code: message.code, text: clipped(message.text) });
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Close);
    return { kind: "close", code: root.code, text: cappedText(root.text) };
  },
};
