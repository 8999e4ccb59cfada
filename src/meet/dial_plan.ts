/** Plans of a dialer: addresses, transport and credential, from a ticket, from SSH keys, or from `--insecure`. */
import { RcopyError } from "../base/errors.ts";
import type { PeerAddress } from "../net/address.ts";
import { plainTransport } from "../net/transport.ts";
import type { DialPlan } from "./reach.ts";
import type { Role } from "../wire/hello.ts";
import type { AuthMethod } from "./invite.ts";
import type { SshOptions } from "./ssh_run.ts";

export interface DialPlanOptions extends SshOptions {
  /** Tried before those of the ticket. */
  addresses: readonly PeerAddress[];
  ticket: string | undefined;
  insecure: boolean;
  auth: AuthMethod;
  /** Role of the end that is dialled. */
  peer: Role;
  /** Asks a person whether to trust a key; absent if there is no terminal. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  onNote: (message: string) => void;
  signal: AbortSignal;
}

/**
 * How to dial the peer. Without a ticket the peer's key is fetched and judged first, over a connection of its own.
 * @throws {RcopyError} `usage` (also for a mistyped ticket), `refused` for a peer that is not trusted, and where Deno would
 * trust others than the peer; `unreachable`, `permission-flag`; the reason of `signal`
 */
export async function planDial(options: DialPlanOptions): Promise<DialPlan> {
  await requireDialable(options);
  const { ticket, insecure, peer, addresses: named } = options;
  if (ticket === undefined) {
    if (named.length === 0) {
      throw new RcopyError(
        "usage",
        `there is no ${peer} to connect to; name the ${peer}'s address with -a HOST:PORT`,
      );
    }
    return insecure ? { addresses: named, transport: plainTransport } : await planDialWithoutTicket(options);
  }
  const [{ planDialByTicket }, { requireTightPin }] = await Promise.all([
    import("./by_ticket.ts"),
    import("./pin_guard.ts"),
  ]);
  const { transport, credential, addresses: its } = await planDialByTicket(ticket);
  const addresses = [...named, ...its];
  if (addresses.length === 0) {
    throw new RcopyError(
      "usage",
      `the ticket names no address; name the ${peer}'s with -a HOST:PORT`,
    );
  }
  if (transport.kind === "tls") await requireTightPin(transport, options.onNote);
  return { addresses, transport, credential };
}

/** Refuses options that lead to no plan, before anything is done. @throws {RcopyError} `usage`, also for a mistyped ticket */
export async function requireDialable(
  options: Pick<DialPlanOptions, "ticket" | "peer" | "addresses"> & { insecure?: boolean; auth?: AuthMethod },
): Promise<void> {
  const { ticket, insecure = false, auth = "auto", peer, addresses } = options;
  if (ticket !== undefined) {
    const { decodeTicket } = await import("../security/anchor/ticket.ts");
    decodeTicket(ticket);
  }
  if (ticket !== undefined && insecure) {
    throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
  }
  if (ticket !== undefined && auth === "ssh") {
    throw new RcopyError("usage", "--auth ssh takes no ticket; leave out one of the two");
  }
  if (ticket !== undefined || insecure) return;
  if (auth !== "ticket" && addresses.length > 0) return;
  const [own, other] = peer === "sender" ? ["receive", "send"] : ["send", "receive --listen"];
  throw new RcopyError(
    "usage",
    `${own} needs the ticket that rcopy ${other} printed, or -a HOST:PORT where SSH keys are known at both ends; a ` +
      "channel without authentication and encryption takes --insecure at both ends",
  );
}

async function planDialWithoutTicket(options: DialPlanOptions): Promise<DialPlan> {
  const { addresses, peer, confirm, onNote, signal } = options;
  const role = peer === "sender" ? "receiver" : "sender";
  const [{ prepareSsh }, { planDialBySsh }, { requireChecks, requireNoOtherRoots }] = await Promise.all([
    import("./ssh_run.ts"),
    import("./ssh_dialer.ts"),
    import("./pin_guard.ts"),
  ]);
  // The look at the peer's key is a connection already.
  requireNoOtherRoots(onNote);
  const run = await prepareSsh({ ...options, role });
  const plan = await planDialBySsh({ addresses, run, role, confirm, onNote, signal });
  await requireChecks(plan.transport, onNote);
  const [credential, ...otherCredentials] = plan.credentials;
  return { ...plan, credential, otherCredentials };
}
