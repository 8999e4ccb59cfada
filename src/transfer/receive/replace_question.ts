/** The question to a person whether what is there may be replaced: put once, when it first matters. */

export interface ReplaceQuestionOptions {
  /** Asks; may take any time. */
  ask: () => Promise<boolean>;
  /** Tells the sender that a person is being asked. */
  tell: () => void;
  /** Milliseconds between two times that it is told. */
  everyMs: number;
}

export class ReplaceQuestion {
  readonly #options: ReplaceQuestionOptions;
  readonly #ended = Promise.withResolvers<undefined>();
  #answer: boolean | undefined;

  constructor(options: ReplaceQuestionOptions) {
    this.#options = options;
  }

  /** `undefined` before there is one. */
  get answer(): boolean | undefined {
    return this.#answer;
  }

  /** Asks, and waits for the answer; false if the session has ended before. @throws what asking throws */
  async put(): Promise<boolean> {
    const { ask, tell, everyMs } = this.#options;
    tell();
    const timer = setInterval(tell, everyMs);
    try {
      this.#answer = await Promise.race([ask(), this.#ended.promise]);
    } finally {
      clearInterval(timer);
    }
    return this.#answer !== undefined;
  }

  /** The session has ended: no answer is waited for any more. */
  end(): void {
    this.#ended.resolve(undefined);
  }
}
