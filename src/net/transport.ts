/**
 * What carries a channel: TCP as it is, or TLS pinned to one anchor. Descriptions are plain data, so that they can be
 * posted to a Worker, and so that what a test or a thread needs is spelled in full.
 */
import { RcopyError } from "../base/errors.ts";
import { reasonOf, speaksNoTls } from "./reason.ts";

/** The client's half of a transport: of TLS, what the server must prove. */
export type ClientTransport =
  | { readonly kind: "plain" }
  | {
    readonly kind: "tls";
    /** The one certificate that the peer's chain must lead to. */
    readonly anchorPem: string;
    /** What the peer's leaf must be made out to: a name that no public authority certifies. */
    readonly serverName: string;
  };

/** The server's half of a transport: of TLS, what it presents. */
export type ServerTransport =
  | { readonly kind: "plain" }
  | {
    readonly kind: "tls";
    /** Leaf, then anchor. */
    readonly chainPem: string;
    /** Private key of the leaf. */
    readonly keyPem: string;
  };

/** Without authentication or encryption: `--insecure` on both ends. */
export const plainTransport = { kind: "plain" } as const satisfies ClientTransport & ServerTransport;

/**
 * Speaks TLS over a connection that was dialled, and returns once the peer has proved that it holds the anchor.
 * Owns `connection` from the call on. An abort ends the handshake.
 * @throws {RcopyError} `refused` where the peer is another one or speaks no TLS; `peer-lost`; the reason of `signal`
 */
export async function startTls(
  connection: Deno.TcpConn,
  transport: ClientTransport & { kind: "tls" },
  options: { peer: string; signal: AbortSignal },
): Promise<Deno.TlsConn> {
  const { peer, signal } = options;
  let tls: Deno.TlsConn;
  try {
    tls = await Deno.startTls(connection, {
      hostname: transport.serverName,
      caCerts: [transport.anchorPem],
    });
  } catch (cause) {
    close(connection);
    throw new RcopyError("refused", `cannot use the certificate of ${peer}: ${reasonOf(cause).words}`, {
      cause,
    });
  }
  const stop = () => close(tls);
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await tls.handshake();
    return tls;
  } catch (cause) {
    close(tls);
    if (signal.aborted) throw signal.reason;
    throw handshakeError(peer, cause);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What became of a handshake. */
function handshakeError(peer: string, cause: unknown): RcopyError {
  const { kind } = reasonOf(cause);
  if (kind === "clock") {
    return new RcopyError(
      "refused",
      `the certificate of ${peer} is not valid at this time: the clocks of the two machines differ; set them right`,
      { cause },
    );
  }
  if (kind === "no-tls" || !(cause instanceof Deno.errors.InvalidData)) return speaksNoTls(peer, cause);
  return new RcopyError(
    "refused",
    `${peer} is not the peer that was meant: it does not hold the key that its certificate must lead to`,
    { cause },
  );
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already, or taken over.
  }
}
