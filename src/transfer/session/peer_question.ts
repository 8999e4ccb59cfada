/** A question that the peer answers on control: all that it wrote there before has been handled by then. */
import { assert, RcopyError } from "../../base/errors.ts";

export interface PeerQuestionOptions {
  /** Asks the peer, and calls back with its answer. */
  ask: (onAnswer: () => void) => void;
  /** Milliseconds that the answer may take. */
  timeoutMs: number;
  /** The reason to ask, as the beginning of a sentence about the peer: "the peer sent …". */
  why: string;
  /** No answer has come in time; `timeout`. */
  onSilence: (error: RcopyError) => void;
}

/** One question at a time. */
export class PeerQuestion {
  readonly #options: PeerQuestionOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOut = false;

  constructor(options: PeerQuestionOptions) {
    this.#options = options;
  }

  /** Whether a question has been asked and not been answered. */
  get isOut(): boolean {
    return this.#isOut;
  }

  ask(onAnswer: () => void): void {
    assert(!this.#isOut, "one question at a time");
    this.#isOut = true;
    this.#timer = setTimeout(() => this.#onSilence(), this.#options.timeoutMs);
    this.#options.ask(() => {
      clearTimeout(this.#timer);
      this.#isOut = false;
      onAnswer();
    });
  }

  /** An answer is not waited for any more. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #onSilence(): void {
    const { why, timeoutMs, onSilence } = this.#options;
    const seconds = Math.round(timeoutMs / 100) / 10;
    onSilence(new RcopyError("timeout", `${why}, and did not answer for ${seconds} s`));
  }
}
