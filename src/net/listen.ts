/** Listening for peers. */
import { RcopyError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { mayUseNetwork } from "../base/permission.ts";
import type { Channel } from "./channel.ts";
import { TcpChannel } from "./tcp_channel.ts";
import type { ServerTransport } from "./transport.ts";

/** Where to listen. */
export interface ListenOptions {
  /** 0 picks a free port. */
  port: number;
  /** An address of this machine; without it, all addresses of both families. */
  bind?: string | undefined;
  /** Loopback only. */
  local?: boolean | undefined;
  /** Called with the port whenever it has been opened for TLS, before a connection is accepted. */
  onTlsOpened?: ((port: number) => void) | undefined;
}

/** Attempts to open the same port anew, and the pause before each; another program may have taken it for good. */
const reopenDelayMs = 5;
const reopenAttemptsMax = 100;
/** How long `accept` waits after an error that will pass. */
const acceptRetryMs = 50;

/** An open port. */
export class PeerListener implements Disposable {
  readonly port: number;
  /** Whether IPv6 peers can connect. */
  readonly dualStack: boolean;
  readonly #onTlsOpened: ListenOptions["onTlsOpened"];
  #listener: Deno.TcpListener | Deno.TlsListener;
  #reopening: Promise<void> | undefined;
  #isClosed = false;

  /** @throws what Deno says */
  constructor(where: { hostname: string } & ListenOptions, transport: ServerTransport) {
    this.#onTlsOpened = where.onTlsOpened;
    this.#listener = this.#open(where, transport);
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.dualStack = where.hostname.includes(":");
  }

  #open(
    { hostname, port }: { hostname: string; port: number },
    transport: ServerTransport,
  ): Deno.TcpListener | Deno.TlsListener {
    if (!mayUseNetwork({ host: hostname, port })) {
      throw new Deno.errors.NotCapable(`no --allow-net for ${hostname}`);
    }
    if (transport.kind === "plain") return Deno.listen({ hostname, port });
    const { chainPem: cert, keyPem: key } = transport;
    const listener = Deno.listenTls({ hostname, port, cert, key });
    this.#onTlsOpened?.((listener.addr as Deno.NetAddr).port);
    return listener;
  }

  /**
   * The next connection; `undefined` once the port has been closed. Its TLS handshake is made by the first read, under
   * the deadline of that read.
   */
  async accept(): Promise<Channel | undefined> {
    for (;;) {
      const listener = this.#listener;
      let connection: Deno.TcpConn | Deno.TlsConn;
      try {
        connection = await listener.accept();
      } catch (error) {
        await this.#reopening?.catch(() => {});
        if (listener !== this.#listener) continue;
        // A closed listener ends the loop; a connection that died while it waited, or a full descriptor table, does not.
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return undefined;
        }
        await pause(acceptRetryMs);
        continue;
      }
      try {
        return new TcpChannel(connection);
      } catch {
        connection.close();
      }
    }
  }

  /**
   * Opens the same port with another leaf; connections that are there stay.
   * @throws {RcopyError} as when it was opened; then it is closed
   */
  async reopen(transport: ServerTransport): Promise<void> {
    this.#reopening = this.#openAnew(transport);
    try {
      await this.#reopening;
    } finally {
      this.#reopening = undefined;
    }
  }

  async #openAnew(transport: ServerTransport): Promise<void> {
    const { hostname } = this.#listener.addr as Deno.NetAddr;
    const where = { hostname, port: this.port };
    this.#listener.close();
    for (let attempt = 1;; attempt++) {
      // Deno lets go of the port only after a waiting accept() has failed.
      await pause(reopenDelayMs);
      try {
        this.#listener = this.#open(where, transport);
        if (this.#isClosed) this.#listener.close();
        return;
      } catch (failure) {
        if (attempt === reopenAttemptsMax) throw listenError(failure, where, hostname);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    try {
      this.#listener.close();
    } catch {
      // Already closed.
    }
  }
}

/**
 * Opens a port. Without `bind` or `local` it serves IPv6 and IPv4, or IPv4 alone where there is no IPv6.
 * @throws {RcopyError} `address-in-use`, `usage` (no such address here), `permission-flag`
 */
export function listenForPeers(options: ListenOptions, transport: ServerTransport): PeerListener {
  const hosts = options.bind !== undefined
    ? [options.bind]
    : options.local
    ? ["127.0.0.1"]
    : ["::", "0.0.0.0"];
  let failure: unknown;
  for (const hostname of hosts) {
    try {
      return new PeerListener({ ...options, hostname }, transport);
    } catch (error) {
      failure = error;
      if (error instanceof Deno.errors.AddrInUse) break;
    }
  }
  throw listenError(failure, options, hosts[0]!);
}

function listenError(failure: unknown, options: ListenOptions, host: string): RcopyError {
  const what = `cannot listen on port ${options.port}`;
  if (failure instanceof Deno.errors.AddrInUse) {
    return new RcopyError("address-in-use", `${what}: another program uses it; choose one with --port`, {
      cause: failure,
    });
  }
  if (failure instanceof Deno.errors.NotCapable) {
    return new RcopyError("permission-flag", `${what}: Deno was not given --allow-net for it`, {
      cause: failure,
    });
  }
  if (failure instanceof Deno.errors.PermissionDenied) {
    return new RcopyError("usage", `${what}: ports below 1024 need more rights; choose one with --port`, {
      cause: failure,
    });
  }
  const reason = failure instanceof Error ? failure.message : String(failure);
  return new RcopyError(
    "usage",
    `${what} of ${host}: ${reason}; name an address of this machine with --bind`,
    {
      cause: failure,
    },
  );
}
