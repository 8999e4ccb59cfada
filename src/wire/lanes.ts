/** The messages that bring more data connections: `LaneRequest` and `LaneOffer`. */
import {
  addressListBytesMax,
  decodeAddressList,
  encodeAddressList,
  type ListedAddress,
} from "./address_list.ts";
import { readColumn, writeColumn } from "./column.ts";
import { exactly, laneNumber, type MessageCodec, outOfRange } from "./fields.ts";
import { streamsMax, tokenBytes } from "./limits.ts";
import * as schema from "./schema.ts";

/** More data connections are wanted; requester to offerer. */
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

/** A data connection that may be opened; from the end that offers, at most one for each that was asked for. */
export interface LaneOffer {
  kind: "laneOffer";
  lane: number;
  /** `tokenBytes`. */
  token: Uint8Array;
  /** Where, most useful first; what an address leaves out is as of control, which takes the lane in any case. */
  addresses: readonly ListedAddress[];
}

export const laneOffer: MessageCodec<LaneOffer> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.LaneOffer);
    root.lane = message.lane;
    writeColumn(root._initToken(message.token.length), message.token);
    if (message.addresses.length === 0) return;
    const addresses = encodeAddressList(message.addresses);
    writeColumn(root._initAddresses(addresses.length), addresses);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.LaneOffer);
    const list = readColumn(root.addresses, "u8", addressListBytesMax);
    return {
      kind: "laneOffer",
      lane: laneNumber(root.lane),
      token: exactly(root.token, tokenBytes),
      addresses: list.length === 0 ? [] : decodeAddressList(list),
    };
  },
};
