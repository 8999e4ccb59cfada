/** A dialer and a listener that perform a handshake over memory. */
import { asRcopyError, type RcopyError } from "../../src/base/errors.ts";
import {
  answerHandshake,
  type Credential,
  type Handshake,
  openHandshake,
  readHandshake,
  type Verifier,
} from "../../src/meet/authenticate.ts";
import type { Close } from "../../src/wire/closing.ts";
import { type Hello, nothingPlaced } from "../../src/wire/hello.ts";
import { memoryChannels } from "./memory_channel.ts";

const none = new Uint8Array(0);

/** What a dialer says that receives. */
export const hello: Hello = {
  kind: "hello",
  role: "receiver",
  features: 0n,
  software: "test",
  streams: 1,
  timeoutMs: 1000,
  check: false,
  mtimeResolutionNs: 1,
  creditBytes: 65536,
  batchEntries: 10,
  dryRun: false,
  session: none,
  laneTokens: none,
  form: "contents",
  name: none,
  mode: 0,
  mtimeSeconds: 0n,
  mtimeNanos: 0,
  returnSecret: none,
  returned: false,
  placed: nothingPlaced,
};

/** What the listener says to whomever it let in. */
export const answer: Hello = {
  ...hello,
  role: "sender",
  creditBytes: 0,
  batchEntries: 0,
  session: new Uint8Array(16),
  laneTokens: new Uint8Array(16),
  returnSecret: new Uint8Array(16),
};

/** What a handshake came to at both ends. */
export interface Meeting {
  /** What the dialer heard, if it heard anything. */
  answered: Hello | Close | undefined;
  /** Whom the listener let in. */
  handshake: Handshake | undefined;
  /** Why it let nobody in. */
  error: RcopyError | undefined;
}

/** Performs the handshake with `says`, the listener answering if it lets the dialer in; each end hangs up when it has failed. */
export async function meet(
  credential: Credential | undefined,
  verifier: Verifier | undefined,
  says = hello,
): Promise<Meeting> {
  const [dialer, listener] = memoryChannels();
  const listen = async (): Promise<Handshake> => {
    try {
      const handshake = await readHandshake(listener, verifier);
      if (handshake.of === "control") await answerHandshake(listener, answer, handshake);
      return handshake;
    } catch (error) {
      listener.close();
      throw error;
    }
  };
  const dial = async (): Promise<Hello | Close> => {
    try {
      return await openHandshake(dialer, { credential, hello: says, onPreamble: () => {} });
    } catch (error) {
      dialer.close();
      throw error;
    }
  };
  const [dialled, listened] = await Promise.allSettled([dial(), listen()]);
  dialer.close();
  listener.close();
  return {
    answered: dialled.status === "fulfilled" ? dialled.value : undefined,
    handshake: listened.status === "fulfilled" ? listened.value : undefined,
    error: listened.status === "rejected" ? asRcopyError(listened.reason) : undefined,
  };
}
