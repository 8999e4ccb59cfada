/** The error for another end that ended before it told its ticket. Pure. */
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { version } from "../../base/version.ts";
import type { Flags } from "../line/options.ts";

/** Codes for statuses of the other end that are those of this end too. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = { 2: "usage", 3: "refused", 5: "destination" };

/** The error by the status of ssh, which is that of the program there, or 255. `label` names the machine. */
export function whyNoTicket(status: number, label: string, flags: Flags): RcopyError {
  if (status === 255) {
    return new RcopyError("unreachable", `ssh could not connect to ${label}, or lost the connection`);
  }
  if (status === 126 || status === 127) {
    return new RcopyError("unreachable", whyNotFound(label, flags["remote-rcopy"]));
  }
  const message = status === 0
    ? `what ran on ${label} ended without a ticket; is it rcopy?`
    : `the other end on ${label} ended with status ${status} before the copy began`;
  return new RcopyError(codeOfStatus[status] ?? "unreachable", message);
}

function whyNotFound(label: string, named: string | undefined): string {
  if (named !== undefined) {
    return `${label} has no program ${
      showText(named)
    } where ssh looks for it; install rcopy there, or name it with --remote-rcopy`;
  }
  return `${label} has no rcopy, or no deno to run it, neither in the PATH of ssh nor in ~/.deno/bin; run there: ${installLine()}; ` +
    "or name what is there with --remote-rcopy";
}

/** The line that installs an rcopy like this one on another machine. */
function installLine(): string {
  const install = "deno install -g --no-config --no-prompt -A -n rcopy";
  return import.meta.url.startsWith("file:")
    ? `${install} src/main.ts (in a checkout of rcopy ${version})`
    : `${install} jsr:@rcopy/cli@${version}`;
}
