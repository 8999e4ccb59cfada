/** The messages of a session that lives, and of one that ends: `Ping` and `Close`. */
import { assign, cappedText, clipped, type MessageCodec } from "./fields.ts";
import * as schema from "./schema.ts";

/** Nothing but a sign of life; either direction. Never answered. */
export interface Ping {
  kind: "ping";
}

export const ping: MessageCodec<Ping> = {
  encode(capnp) {
    capnp.initRoot(schema.Ping);
  },
  decode() {
    return { kind: "ping" };
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
