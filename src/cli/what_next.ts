/** What a run that ended early leaves, and the command that goes on from there. Pure. */
import type { ErrorCode } from "../base/errors.ts";
import { formatBytes, formatCount } from "../base/units.ts";
import type { CommandLine } from "./line/parse.ts";
import { parseRemotePath } from "./line/remote_path.ts";
import type { Kept } from "./report/reporter.ts";

/** The end of a run whose session had begun. */
export interface EarlyEnd {
  /** What ended it. */
  code: ErrorCode;
  kept: Kept | undefined;
  /** Anything of this copy is done, as far as this end knows. */
  hasProgressed: boolean;
}

/** Whether the peer is gone for certain, or may be there. */
const peerAfter: Readonly<Partial<Record<ErrorCode, "gone" | "lost">>> = {
  "interrupted": "gone",
  "peer-ended": "gone",
  "no-space": "gone",
  "read-only": "gone",
  "destination": "gone",
  "peer-lost": "lost",
  "timeout": "lost",
  "unreachable": "lost",
};

/** What has to be done at the destination first, so that the same does not happen again. */
const remedies: Readonly<Partial<Record<ErrorCode, string>>> = {
  "no-space": "make room there, or choose another DEST; then",
  "read-only": "choose another DEST, on a file system that can be written to; then",
  "destination": "choose another DEST, or see to it that this one can be written to; then",
};

/** The beginning of the advice, and what it says of DEST. */
interface Manner {
  toGoOn: string;
  sameDest: string;
}

const goingOn: Manner = { toGoOn: "to go on,", sameDest: ", with the same DEST" };

const notAgain = "what is complete is not copied again";

/** Sentences for a person: what is kept, and what to run. */
export function whatNext(line: CommandLine, { code, kept, hasProgressed }: EarlyEnd): string[] {
  const { command, flags } = line;
  if (flags["dry-run"] || flags.keep) return [];
  const peer = peerAfter[code];
  const remedy = remedies[code];
  // Of what never began there is nothing to go on with.
  if (command === "send" && !hasProgressed && remedy === undefined) return [];
  const manner = remedy === undefined ? goingOn : { toGoOn: remedy, sameDest: "" };
  const next = peer && nextOf(line, peer, manner);
  return [
    ...command === "receive" && kept ? [keptLine(kept)] : [],
    ...next === undefined ? [] : [next],
  ];
}

function keptLine({ files, links, bytes }: Kept): string {
  if (files + links === 0) return "no file is complete yet";
  const counts = [`${formatCount(files)} ${files === 1 ? "file" : "files"} of ${formatBytes(bytes)}`];
  if (links > 0) counts.push(`${formatCount(links)} ${links === 1 ? "link" : "links"}`);
  const [is, stay] = files + links === 1 ? ["is", "stays"] : ["are", "stay"];
  return `${counts.join(" and ")} from this run ${is} in place, verified, and ${stay}`;
}

function nextOf(line: CommandLine, peer: "gone" | "lost", manner: Manner): string {
  const { command, flags } = line;
  if (startsFarEnd(line)) {
    return manner === goingOn
      ? `the same command goes on from here: ${notAgain}`
      : `${manner.toGoOn} run the same command again: ${notAgain}`;
  }
  return command === "receive" ? nextOfReceive(flags, peer, manner) : nextOfSend(flags, peer, manner);
}

function nextOfReceive(
  { listen, insecure, address, auth }: CommandLine["flags"],
  peer: "gone" | "lost",
  { toGoOn, sameDest }: Manner,
): string {
  const isByTicket = !insecure && auth !== "ssh" && (listen || !address);
  if (listen) {
    const there = isByTicket ? "the line that it prints" : "the same command";
    return `${toGoOn} run the same command again, and ${there} on the sender's machine: ${notAgain}`;
  }
  const here = isByTicket ? `here the line that it prints${sameDest}` : "the same command here";
  return peer === "gone"
    ? `${toGoOn} run rcopy send again there, unless it serves on with --keep, and ${here}: ${notAgain}`
    : `${toGoOn} run the same command again if the sender still runs; else run rcopy send again there, and ${here}: ${notAgain}`;
}

function nextOfSend(
  { to, address, insecure, auth }: CommandLine["flags"],
  peer: "gone" | "lost",
  { toGoOn, sameDest }: Manner,
): string {
  const keeps = `the receiver keeps what is complete; ${toGoOn} run`;
  if (to === undefined && address === undefined) {
    const there = insecure || auth === "ssh" ? "the same command" : "the line that it prints";
    return `${keeps} the same command again, and ${there} there${sameDest}: ${notAgain}`;
  }
  const here = to === undefined ? "the same command here" : "here the line that it prints";
  return peer === "gone"
    ? `${keeps} rcopy receive --listen again there, and ${here}: ${notAgain}`
    : `${keeps} the same command again if the receiver still waits; else run rcopy receive --listen again there, and ${here}: ${notAgain}`;
}

/** Whether the other end is started through ssh: the first operand of a receiver, or the last of a sender, names it. */
function startsFarEnd({ command, operands }: CommandLine): boolean {
  const word = command === "receive" ? operands[0] : operands.at(-1);
  return word !== undefined && parseRemotePath(word) !== undefined;
}
