/**
 * Probes: a TLS handshake by which a listener shows the key that it claims to have. Nothing is sent and nothing is believed:
 * certificates are not checked here, and the key found is only the question that trust has to answer before a pinned
 * connection is made.
 */
import { settlesWithin } from "../base/deadline.ts";
import { RcopyError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { mayUseNetwork } from "../base/permission.ts";
import { type PeerAddress, showAddress } from "../net/address.ts";
import { reasonOf, speaksNoTls, unreachable } from "../net/reason.ts";

/** A key that a listener claims to have. */
export interface ProbedKey {
  address: PeerAddress;
  /** Public key of the anchor, as certificates have it: unchecked bytes. */
  anchorSpki: Uint8Array<ArrayBuffer>;
  /** Whether the leaf claims to hold for ever, as only those under a key of one run do. */
  isOfOneRun: boolean;
}

/** How long one address has to answer, and how long an address that refuses is tried again. */
const attemptMs = 10_000;
const startUpMs = 3_000;
const retryDelayMs = 200;
const certificateBytesMax = 16 * 1024;

/**
 * Fetches the key at the first of the addresses where a listener answers. An address that refuses is tried again for a short
 * while, so that both ends can be started at the same moment.
 * @throws {RcopyError} `unreachable`, `refused` where what answers is no rcopy with TLS, `permission-flag`; the reason of `signal`
 */
export async function probeListener(
  addresses: readonly PeerAddress[],
  signal: AbortSignal,
): Promise<ProbedKey> {
  const deadline = performance.now() + startUpMs;
  for (;;) {
    const failures: { address: PeerAddress; error: unknown }[] = [];
    let isStarting = false;
    for (const address of addresses) {
      try {
        return await probeOne(address, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof RcopyError && error.code !== "unreachable") throw error;
        if (reasonOf(error).kind === "refused") isStarting = true;
        failures.push({ address, error });
      }
    }
    if (!isStarting || performance.now() > deadline) throw unreachable(failures);
    await pause(retryDelayMs, signal);
  }
}

async function probeOne(address: PeerAddress, signal: AbortSignal): Promise<ProbedKey> {
  const { host, port } = address;
  requireNet(address);
  const { connect } = await import("node:tls");
  const way = host.includes("%")
    ? { socket: await zonedStream(address, signal) }
    : { host, port, socket: undefined };
  if (signal.aborted) throw signal.reason;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    ...way,
    servername: "probe.rcopy.invalid",
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  });
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  socket.once("secureConnect", resolve);
  socket.once("error", reject);
  socket.once("close", () => reject(new RcopyError("unreachable", "the connection was closed")));
  try {
    if (!await settlesWithin(promise, attemptMs)) throw new RcopyError("unreachable", "no answer");
    await promise;
    return { address, ...await claimOf(socket.getPeerCertificate(true), address) };
  } catch (error) {
    throw asProbeError(error, address);
  } finally {
    signal.removeEventListener("abort", stop);
    socket.on("error", () => {}); // Errors from now on have no effect.
    // What carries it over has to be there until the listener has been told of the end.
    if (way.socket) socket.end(() => way.socket.destroy());
    else socket.destroy();
  }
}

/** A connection to a link-local address with its zone: Deno itself knows zones, its `node:net` does not. */
async function zonedStream({ host, port }: PeerAddress, signal: AbortSignal) {
  const { Duplex } = await import("node:stream");
  const limit = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]);
  const connection = await Deno.connect({ hostname: host, port, signal: limit });
  const buffer = new Uint8Array(certificateBytesMax);
  return new Duplex({
    read() {
      connection.read(buffer).then(
        (count) => this.push(count === null ? null : buffer.slice(0, count)),
        (error) => this.destroy(error),
      );
    },
    write(bytes: Uint8Array, _, done) {
      writeAll(connection, bytes).then(() => done(), done);
    },
    destroy(error, done) {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
      done(error);
    },
  });
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** The fields of a certificate that are read here, as `node:tls` gives them. */
interface ShownCertificate {
  raw?: Uint8Array;
  valid_to?: string;
  issuerCertificate?: ShownCertificate;
}

/** @throws {RcopyError} `refused` for a chain that is not one of rcopy's */
async function claimOf(
  leaf: ShownCertificate,
  address: PeerAddress,
): Promise<Pick<ProbedKey, "anchorSpki" | "isOfOneRun">> {
  const anchor = leaf.issuerCertificate;
  if (!anchor?.raw || anchor.raw.length > certificateBytesMax || anchor === leaf) throw noRcopy(address);
  const { X509Certificate } = await import("node:crypto");
  try {
    const { publicKey } = new X509Certificate(anchor.raw);
    const anchorSpki = Uint8Array.from(publicKey.export({ type: "spki", format: "der" }));
    return { anchorSpki, isOfOneRun: /\b9999\b/.test(leaf.valid_to ?? "") };
  } catch (cause) {
    throw noRcopy(address, cause);
  }
}

function noRcopy(address: PeerAddress, cause?: unknown): RcopyError {
  return new RcopyError(
    "refused",
    `what listens at ${showAddress(address)} shows certificates that are none of rcopy's`,
    cause === undefined ? {} : { cause },
  );
}

/** The error of a failed handshake in rcopy's terms. */
function asProbeError(error: unknown, address: PeerAddress): unknown {
  const { kind } = reasonOf(error);
  return kind === "no-tls" || kind === "closed" ? speaksNoTls(showAddress(address), error) : error;
}

/** Checks the permission first: `node:tls` would report its absence in words of its own. @throws {RcopyError} `permission-flag` */
function requireNet(address: PeerAddress): void {
  const asked = showAddress(address);
  if (mayUseNetwork(address)) return;
  throw new RcopyError(
    "permission-flag",
    `cannot connect to ${asked}: Deno was not given --allow-net for it`,
  );
}
