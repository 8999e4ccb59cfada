/** `deno task soak:flood [CONNECTIONS [MEGABYTES]]`: what a live transfer keeps of its rate while the sender is flooded. */
import { floodWhileCopying, judgeFlood } from "../hostile/flooding.ts";

const connections = Number(Deno.args[0] ?? 10_000);
const megabytes = Number(Deno.args[1] ?? 1000);
const copies = { copiesAlone: 5, copiesFlooded: Infinity };
judgeFlood(connections, await floodWhileCopying({ connections, megabytes, ...copies }));
