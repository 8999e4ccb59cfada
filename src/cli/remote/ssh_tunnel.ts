/** A port of this machine that ssh forwards to one of another. */
import { RcopyError } from "../../base/errors.ts";
import { mayUseNetwork } from "../../base/permission.ts";
import { showText } from "../../base/show.ts";
import type { PeerAddress } from "../../mod.ts";
import { showAddress } from "../../net/address.ts";
import { SshProcess } from "./ssh_process.ts";

const loopback = "127.0.0.1";
/** Comes back from the other machine once the connection stands, and by then the port is open: nothing is probed. */
const echoedLine = "rcopy-forwards";
/** Somebody else may take a port between its choice and its use. */
const portsMax = 3;

export interface TunnelOptions {
  destination: string;
  /** As the other machine sees it. */
  target: PeerAddress;
  onLine: (line: string) => void;
  signal: AbortSignal;
}

/** An open one; disposing ends its ssh. */
export interface Tunnel extends AsyncDisposable {
  entrance: PeerAddress;
}

/** `rsh` are the words that start ssh. @throws {RcopyError} `unreachable` where ssh does not forward; the reason of `signal` */
export async function openTunnel(rsh: readonly string[], options: TunnelOptions): Promise<Tunnel> {
  const { destination, target, onLine, signal } = options;
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    const ssh = new SshProcess([
      ...rsh,
      "-T",
      ...["-o", "ExitOnForwardFailure=yes"],
      // A connection that is shared with other runs of ssh would keep the port open after this one.
      ...["-o", "ControlMaster=no", "-o", "ControlPath=none"],
      ...["-L", `${loopback}:${port}:${showAddress(target)}`],
      "--",
      destination,
      // With -N instead, ssh would stay for ever where this end is killed; cat ends with its input, and ssh with cat.
      "cat",
    ], { onLine, signal });
    await ssh.say(`${echoedLine}\n`);
    if (await ssh.firstLine(new RegExp(`^${echoedLine}$`))) {
      return { entrance: { host: loopback, port }, [Symbol.asyncDispose]: () => ssh[Symbol.asyncDispose]() };
    }
    await ssh[Symbol.asyncDispose]();
    if (signal.aborted) throw signal.reason;
    if (attempt === portsMax || isFree(port)) {
      throw new RcopyError("unreachable", `ssh forwards no port to ${showText(destination)}`);
    }
  }
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: loopback, port }).close();
    return true;
  } catch {
    return false;
  }
}

/** A port that is free at this moment. */
function freePort(): number {
  const place = { host: loopback, port: 0 };
  try {
    if (!mayUseNetwork(place)) throw new Deno.errors.NotCapable(`no --allow-net for ${loopback}`);
    using listener = Deno.listen({ hostname: loopback, port: 0 });
    return listener.addr.port;
  } catch (cause) {
    const what = `no port of ${loopback} can be opened for ssh to forward`;
    if (!(cause instanceof Deno.errors.NotCapable)) throw new RcopyError("unreachable", what, { cause });
    throw new RcopyError("permission-flag", `${what}: Deno was not given --allow-net for it`, { cause });
  }
}
