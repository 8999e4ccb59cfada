/** The line to run on the other machine, for an end that listens. */
import type { TransferEvent } from "../../mod.ts";
import { showAddress } from "../../net/address.ts";

type Listening = TransferEvent & { type: "listening" };

/** The line that fetches from a sender that listens. */
export function lineForReceiver(event: Listening): string {
  return event.ticket === undefined
    ? `rcopy receive ${unlessKeys(event)}-a ${bestAddress(event)} .`
    : `rcopy receive ${event.ticket} .`;
}

/** The line that sends to a receiver that listens. */
export function lineForSender(event: Listening): string {
  return event.ticket === undefined
    ? `rcopy send ${unlessKeys(event)}-a ${bestAddress(event)} PATH...`
    : `rcopy send --to ${event.ticket} PATH...`;
}

/** Without a ticket the channel is plain, or SSH keys open it. */
function unlessKeys({ keysOnly }: Listening): string {
  return keysOnly ? "" : "--insecure ";
}

function bestAddress(event: Listening): string {
  const own = { host: event.addresses[0] ?? "THIS-MACHINE", port: event.port };
  return showAddress(event.advertised?.[0] ?? own);
}
