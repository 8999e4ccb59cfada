/** The line to run on the other machine, for an end that listens. */
import type { TransferEvent } from "../mod.ts";

type Listening = TransferEvent & { type: "listening" };

/** For whoever receives. */
export function lineForReceiver(event: Listening): string {
  return event.ticket === undefined
    ? `rcopy receive --insecure -a ${bestAddress(event)} .`
    : `rcopy receive ${event.ticket} .`;
}

/** For whoever sends. */
export function lineForSender(event: Listening): string {
  return event.ticket === undefined
    ? `rcopy send --insecure -a ${bestAddress(event)} PATH...`
    : `rcopy send --to ${event.ticket} PATH...`;
}

function bestAddress(event: Listening): string {
  const own = { host: event.addresses[0] ?? "THIS-MACHINE", port: event.port };
  const { host, port } = event.advertised?.[0] ?? own;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
