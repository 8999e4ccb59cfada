/** The messages that bring more data connections: `LaneRequest` and `LaneOffer`. */
import { writeColumn } from "./column.ts";
import { assign, exactly, laneNumber, type MessageCodec, outOfRange } from "./fields.ts";
import { streamsMax, tokenBytes } from "./limits.ts";
import * as schema from "./schema.ts";

/** More data connections are wanted; dialer to listener. */
export interface LaneRequest {
  kind: "laneRequest";
  /** 1 to `streamsMax`. */
  count: number;
}

export const laneRequest: MessageCodec<LaneRequest> = {
  encode(capnp, message) {
    capnp.initRoot(schema.LaneRequest).count = message.count;
  },
  decode(capnp) {
    const { count } = capnp.getRoot(schema.LaneRequest);
    if (count < 1 || count > streamsMax) throw outOfRange("the number of data connections", count);
    return { kind: "laneRequest", count };
  },
};

/** A data connection that the dialer may open; listener to dialer, at most one for each that was asked for. */
export interface LaneOffer {
  kind: "laneOffer";
  lane: number;
  /** Where: a port of the listener's own machine, or 0 for the port of control, which takes this lane in any case. */
  port: number;
  /** `tokenBytes`. */
  token: Uint8Array;
}

export const laneOffer: MessageCodec<LaneOffer> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.LaneOffer);
    assign(root, { lane: message.lane, port: message.port });
    writeColumn(root._initToken(message.token.length), message.token);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.LaneOffer);
    const { port } = root;
    return { kind: "laneOffer", lane: laneNumber(root.lane), port, token: exactly(root.token, tokenBytes) };
  },
};
