import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { FrameKind, type Message } from "../../wire/message.ts";
import type { Role } from "../../wire/hello.ts";
import { afterMessage, type SessionState } from "./states.ts";

const states: SessionState[] = ["greeted", "open", "listed", "receipted", "closed"];

/** Every message that may come, and what follows; everything else is a protocol violation. */
const allowed: Record<Role, Record<SessionState, string>> = {
  receiver: {
    greeted: "ping>greeted pong>greeted laneRequest>greeted laneOffer>greeted close>closed",
    open:
      "manifest>open manifestEnd>listed failure>open fileVerified>open compared>open ping>open pong>open laneRequest>open laneOffer>open close>closed",
    listed:
      "failure>listed fileVerified>listed compared>listed ping>listed pong>listed laneRequest>listed laneOffer>listed close>closed",
    receipted:
      "failure>receipted fileVerified>receipted ping>receipted pong>receipted laneRequest>receipted laneOffer>receipted close>closed",
    closed: "",
  },
  sender: {
    greeted:
      "destination>open waiting>greeted ping>greeted pong>greeted laneRequest>greeted laneOffer>greeted close>closed",
    open:
      "credit>open wants>open kept>open blocks>open fileHashes>open failure>open resend>open batchSettled>open heldSettled>open ping>open pong>open " +
      "laneRequest>open laneOffer>open taken>open waiting>open close>closed",
    listed:
      "credit>listed wants>listed kept>listed blocks>listed fileHashes>listed failure>listed resend>listed batchSettled>listed heldSettled>listed " +
      "receipt>receipted ping>listed pong>listed laneRequest>listed laneOffer>listed taken>listed waiting>listed close>closed",
    receipted: "ping>receipted pong>receipted laneRequest>receipted laneOffer>receipted close>closed",
    closed: "",
  },
};

for (const role of ["sender", "receiver"] as const) {
  for (const state of states) {
    Deno.test(`afterMessage() decides every message for a ${role} whose session is ${state}`, () => {
      const next = new Map(
        allowed[role][state].split(" ").filter(Boolean).map((pair) => pair.split(">") as [string, string]),
      );
      for (const kind of Object.keys(FrameKind) as Message["kind"][]) {
        const expected = next.get(kind);
        if (expected) assertEquals(afterMessage(role, state, kind), expected);
        else {
          const error = assertThrows(() => afterMessage(role, state, kind), RcopyError, kind);
          assertEquals((error as RcopyError).code, "protocol");
        }
      }
    });
  }
}
