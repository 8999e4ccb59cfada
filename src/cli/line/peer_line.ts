/** The line to run on the other machine, for an end that listens. Pure. */
import type { TransferEvent } from "../../mod.ts";
import { showAddress } from "../../net/address.ts";
import { shellLine } from "./shell_line.ts";
import { isMeantAsTicket } from "./ticket_argument.ts";

type Listening = TransferEvent & { type: "listening" };

/** The folder for what has no name that can be typed: the root of a file system, a name with control characters. */
const unnamed = "copy";

/** The line that fetches from a sender that listens; its DEST keeps what comes out of the folder where it is pasted. */
export function lineForReceiver(event: Listening): string {
  const how = event.ticket === undefined ? [...unlessKeys(event), "-a", bestAddress(event)] : [event.ticket];
  return shellLine(["rcopy", "receive", ...how, destinationFor(event)]);
}

/** The line that sends to a receiver that listens. */
export function lineForSender(event: Listening): string {
  const how = event.ticket === undefined
    ? [...unlessKeys(event), "-a", bestAddress(event)]
    : ["--to", event.ticket];
  return `${shellLine(["rcopy", "send", ...how])} PATH...`;
}

/** The name of what is sent, so written that it is an operand and a path of that machine. */
function destinationFor({ form, name = unnamed }: Listening): string {
  if (form === "several") return ".";
  const isOther = /^[-.~]|:/.test(name) || isMeantAsTicket(name);
  return isOther ? `./${name}` : name;
}

/** Without a ticket the channel is plain, or SSH keys open it. */
function unlessKeys({ keysOnly }: Listening): string[] {
  return keysOnly ? [] : ["--insecure"];
}

function bestAddress(event: Listening): string {
  const own = { host: event.addresses[0] ?? "THIS-MACHINE", port: event.port };
  return showAddress(event.advertised?.[0] ?? own);
}
