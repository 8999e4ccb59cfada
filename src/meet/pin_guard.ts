/**
 * Settings of Deno that weaken a pin: some make it trust further certificates, beside the one that a connection is pinned
 * to, others make it check none. They are looked for before the first connection.
 */
import { RcopyError } from "../base/errors.ts";
import { certifyLeaf, makeAnchorKey, unlimitedValidity } from "../security/anchor/certificate.ts";
import { dialOne } from "../net/dial.ts";
import { listenForPeers } from "../net/listen.ts";
import type { ClientTransport } from "../net/transport.ts";

/** Variables that make Deno trust more than the pin, each with a test of its value. */
const settings: Record<string, (value: string) => boolean> = {
  DENO_CERT: (value) => value !== "",
  NODE_EXTRA_CA_CERTS: (value) => value !== "",
  DENO_TLS_CA_STORE: (value) => value.split(",").some((store) => store.trim() === "system"),
};

/** Names of the variables, for permission flags. */
export const pinVariables: readonly string[] = Object.keys(settings);

/** How long the self-test may take; it never leaves this machine. */
const selfTestMs = 5_000;

/**
 * Makes sure that only the holder of the anchor can pass for the peer. A check that lacks a permission is skipped, and
 * `onNote` is told of it.
 * @throws {RcopyError} `refused` naming the setting that must go
 */
export async function requireTightPin(
  transport: ClientTransport & { kind: "tls" },
  onNote: (message: string) => void,
): Promise<void> {
  requireNoOtherRoots(onNote);
  await requireChecks(transport, onNote);
}

/**
 * The part of {@linkcode requireTightPin} that needs no peer, for a dialer that has to ask the peer for its key first.
 * @throws {RcopyError} `refused` naming the variable that must go
 */
export function requireNoOtherRoots(onNote: (message: string) => void): void {
  const unseen: string[] = [];
  for (const [variable, weakens] of Object.entries(settings)) {
    if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") unseen.push(variable);
    else if (weakens(Deno.env.get(variable) ?? "")) {
      throw weakened(`the environment variable ${variable}`, `env -u ${variable} rcopy ...`);
    }
  }
  if (unseen.length === 0) return;
  onNote(
    `without --allow-env=${
      unseen.join(",")
    } it cannot be seen whether Deno was told to trust certificates of others`,
  );
}

/**
 * The other part of {@linkcode requireTightPin}: a TLS handshake within this machine, by the peer's name.
 * @throws {RcopyError} `refused` where Deno does not check certificates
 */
export async function requireChecks(
  transport: ClientTransport & { kind: "tls" },
  onNote: (message: string) => void,
): Promise<void> {
  const mayTest = Deno.permissions.querySync({ name: "net", host: "127.0.0.1" }).state === "granted";
  if (!mayTest) {
    onNote("without --allow-net=127.0.0.1 it cannot be tested whether Deno checks certificates");
  } else if (await isFooled(transport)) {
    throw weakened("--unsafely-ignore-certificate-errors, or another setting that switches checks off");
  }
}

function weakened(setting: string, remedy?: string): RcopyError {
  const how = remedy === undefined ? "" : `, as in: ${remedy}`;
  return new RcopyError(
    "refused",
    `cannot connect securely: ${setting} makes Deno trust others than the peer; run rcopy without it${how}`,
  );
}

/** Whether a foreign certificate that is made out to the peer's name passes for the peer's. */
async function isFooled(transport: ClientTransport & { kind: "tls" }): Promise<boolean> {
  const impostor = await certifyLeaf(await makeAnchorKey(), unlimitedValidity, transport.serverName);
  using listener = listenForPeers({ port: 0, local: true }, { kind: "tls", ...impostor });
  const limit = AbortSignal.timeout(selfTestMs);
  const accepted = listener.accept();
  try {
    const channel = await dialOne({ host: "127.0.0.1", port: listener.port }, { transport, signal: limit });
    channel.close();
    return true;
  } catch (error) {
    if (error instanceof RcopyError && error.code === "refused") return false;
    throw new RcopyError("internal", "the test of Deno's certificate checks failed", { cause: error });
  } finally {
    const channel = await accepted;
    // The handshake of this end has failed too, or fails now.
    channel?.close();
  }
}
