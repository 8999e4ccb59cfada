import { assertEquals } from "@std/assert";
import { encodeTicket } from "../../security/anchor/ticket.ts";
import { spkiOf } from "../../security/anchor/public_key.ts";
import { unpasted } from "./pasted.ts";

const ticket = encodeTicket({
  anchor: spkiOf("ed25519", new Uint8Array(32).fill(7)),
  secret: new Uint8Array(16).fill(9),
  port: 3120,
  addresses: [{ host: "192.0.2.7", port: 3120 }],
});
const wrapped = ticket.replace(/.{30}/g, "$&\n");

/** What was typed, and what is meant. */
const cases: [string[], string[]][] = [
  [[ticket], [ticket]],
  [[ticket, "dest"], [ticket, "dest"]],
  [[`rcopy receive ${ticket} photos`], [ticket, "photos"]],
  [[`$ rcopy receive ${ticket} photos`], [ticket, "photos"]],
  [[`$ rcopy receive ${ticket} photos`, "other"], [ticket, "other"]],
  [[`"$ rcopy receive ${ticket} photos"`], [ticket, "photos"]],
  [[`'rcopy receive ${ticket}'`], [ticket]],
  [[`“rcopy receive ${ticket}”`], [ticket]],
  [[`$ rcopy receive ${ticket} 'my photos'`], [ticket, "my photos"]],
  [[`rcopy receive ${ticket} ./-x\n`], [ticket, "./-x"]],
  [[`rcopy receive ${wrapped} photos`], [ticket, "photos"]],
  [[`  ${ticket}  `], [ticket]],
  [[wrapped], [ticket]],
  [[`rcopy send --to ${ticket} PATH...`], [ticket, "PATH..."]],
  [["$", "rcopy", "receive", ticket, "photos"], [ticket, "photos"]],
  [["rcopy", "receive", ticket], [ticket]],
  [["$", "rcopy", "receive", ticket.slice(0, 40), ticket.slice(40), "photos"], [ticket, "photos"]],
  [["photos"], ["photos"]],
  [["my photos", "x"], ["my photos", "x"]],
  [[`rcopy receive ${ticket.slice(0, -1)} photos`], [`rcopy receive ${ticket.slice(0, -1)} photos`]],
  [[], []],
];
for (const [typed, meant] of cases) {
  Deno.test(`unpasted() takes ${JSON.stringify(typed).replaceAll(ticket, "TICKET")} for what is meant`, () => {
    assertEquals(unpasted(typed), meant);
  });
}
