/** The user's `ssh-agent`: which keys it holds, and signatures by them. One short connection for each request. */
import { concat } from "../../base/bytes.ts";
import { settlesWithin } from "../../base/deadline.ts";
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import {
  parseSshBlob,
  parseSshSignature,
  type SshPublicKey,
  type SshSignature,
  verifySshSignature,
} from "./key.ts";
import { SshReader, SshWriter } from "./wire.ts";

/** A key that the agent holds. */
export interface AgentIdentity {
  key: SshPublicKey;
  /** Foreign text. */
  comment: string;
}

/** What the agent holds: keys that rcopy can use, and why the others are of no use. */
export interface AgentIdentities {
  usable: AgentIdentity[];
  unusable: string[];
}

/** How an agent is reached. */
export interface SshAgentOptions {
  /** Path of its socket, the value of `SSH_AUTH_SOCK`. */
  socket: string;
  /** From asking to the whole answer. */
  deadlineMs?: number;
}

export const agentDeadlineMs = 2000;
/** OpenSSH's agent never sends more. */
const answerBytesMax = 256 * 1024;
const blobBytesMax = 32 * 1024;
const identitiesMax = 1024;

// Numbers of draft-ietf-sshm-ssh-agent.
const askIdentities = 11;
const identitiesAnswer = 12;
const askSignature = 13;
const signatureAnswer = 14;
const failure = 5;
const flagOfHash = { "SHA-256": 2, "SHA-512": 4 } as const;

/** An agent behind a socket. Nothing is connected until it is asked. */
export class SshAgent {
  readonly #socket: string;
  readonly #deadlineMs: number;

  constructor({ socket, deadlineMs = agentDeadlineMs }: SshAgentOptions) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
  }

  /** The keys that it holds; none where it is locked. @throws {RcopyError} `refused` or `timeout`, saying what it did */
  async identities(): Promise<AgentIdentities> {
    const reader = new SshReader(
      await this.#ask(Uint8Array.of(askIdentities), identitiesAnswer, "list its keys"),
      "list of keys of ssh-agent",
    );
    const count = reader.u32();
    if (count > identitiesMax) throw reader.damaged(`it announces ${count} keys`);
    const usable: AgentIdentity[] = [];
    const unusable: string[] = [];
    for (let i = 0; i < count; i++) {
      const blob = reader.string(blobBytesMax);
      const comment = new TextDecoder().decode(reader.string(answerBytesMax));
      try {
        usable.push({ key: parseSshBlob(blob), comment });
      } catch (error) {
        if (!(error instanceof RcopyError)) throw error;
        unusable.push(`${showText(comment.slice(0, 100))}: ${error.message}`);
      }
    }
    reader.end();
    return { usable, unusable };
  }

  /**
   * A signature, checked before it is handed on.
   * @param options.hash of RSA only: SHA-512 unless told otherwise
   * @throws {RcopyError} `refused` if the agent will not sign, `timeout` if it does not answer (it may be asking its user)
   */
  async sign(
    key: SshPublicKey,
    data: Uint8Array<ArrayBuffer>,
    options: { hash?: "SHA-256" | "SHA-512" } = {},
  ): Promise<SshSignature> {
    const flags = key.kind === "rsa" ? flagOfHash[options.hash ?? "SHA-512"] : 0;
    const request = new SshWriter().u8(askSignature).string(key.blob).string(data).u32(flags).bytes();
    const reader = new SshReader(await this.#ask(request, signatureAnswer, "sign"), "signature of ssh-agent");
    const signature = parseSshSignature(reader.string(answerBytesMax));
    reader.end();
    const wanted = key.kind === "rsa" ? (flags === 2 ? "rsa-sha2-256" : "rsa-sha2-512") : key.type;
    if (signature.algorithm !== wanted || !await verifySshSignature(key, signature, data)) {
      throw new RcopyError(
        "refused",
        `ssh-agent gave a signature that does not hold (${
          showText(signature.algorithm)
        }, ${wanted} was asked for)`,
      );
    }
    return signature;
  }

  /** Sends a request and gives the body of the answer. @throws {RcopyError} `refused`, `timeout` */
  async #ask(
    request: Uint8Array,
    wanted: number,
    action: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const connecting = this.#connect();
    try {
      const answering = connecting.then((connection) => exchange(connection, request));
      if (!await settlesWithin(answering, this.#deadlineMs)) throw this.#silent(action);
      const answer = await answering;
      if (answer[0] === wanted) return answer.subarray(1);
      if (answer[0] === failure) {
        throw new RcopyError("refused", `ssh-agent at ${showText(this.#socket)} refuses to ${action}`);
      }
      throw new RcopyError("refused", `ssh-agent answered with the unknown message ${answer[0]}`);
    } finally {
      connecting.then((connection) => connection.close(), () => {});
    }
  }

  async #connect(): Promise<Deno.Conn> {
    try {
      return await Deno.connect({ transport: "unix", path: this.#socket });
    } catch (cause) {
      const reason = cause instanceof Deno.errors.NotCapable
        ? `Deno was not allowed to; add ${permissionsFor(this.#socket)}`
        : "nobody listens there";
      throw new RcopyError("refused", `cannot reach ssh-agent at ${showText(this.#socket)}: ${reason}`, {
        cause,
      });
    }
  }

  #silent(action: string): RcopyError {
    return new RcopyError(
      "timeout",
      `ssh-agent at ${showText(this.#socket)} did not ${action} within ${this.#deadlineMs} ms; ` +
        `it may be waiting for somebody to confirm`,
    );
  }
}

/** What Deno wants for a socket in the file system. */
function permissionsFor(socket: string): string {
  return `--allow-net=unix:${socket} --allow-read=${socket} --allow-write=${socket}`;
}

/** One request, one answer: its type and its body. @throws {RcopyError} `refused` */
async function exchange(connection: Deno.Conn, request: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const framed = new SshWriter().string(request).bytes();
  for (let at = 0; at < framed.length;) at += await connection.write(framed.subarray(at));
  const head = await readExactly(connection, 4);
  const length = new DataView(head.buffer).getUint32(0);
  if (length === 0 || length > answerBytesMax) {
    throw new RcopyError("refused", `ssh-agent announced an answer of ${length} bytes`);
  }
  return await readExactly(connection, length);
}

/** Grows with what has come, not with what was announced. */
async function readExactly(connection: Deno.Conn, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  const chunk = new Uint8Array(Math.min(bytes, 16 * 1024));
  for (let left = bytes; left > 0;) {
    const count = await connection.read(chunk.subarray(0, Math.min(left, chunk.length)));
    if (count === null || count === 0) {
      throw new RcopyError("refused", "ssh-agent hung up in the middle of its answer");
    }
    parts.push(chunk.slice(0, count));
    left -= count;
  }
  return concat(...parts);
}
