/** The question to a person whether what is there may be replaced: put once, when it first matters. */
import type { SessionRun } from "../session/session_run.ts";

export interface ReplaceQuestionOptions {
  /** Asks; may take any time. */
  ask: () => Promise<boolean>;
  /** Tells the sender that a person is being asked. */
  tell: () => void;
  /** Milliseconds between two times that it is told. */
  everyMs: number;
}

/** The question of a session, which its sender hears of; `undefined` where nothing is to be asked. */
export function replaceQuestion(
  run: SessionRun<"receiver">,
  ask: (() => Promise<boolean>) | undefined,
): ReplaceQuestion | undefined {
  const tell = () => void run.control.send({ kind: "waiting" });
  return ask && new ReplaceQuestion({ ask, tell, everyMs: run.silenceMs / 3 });
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
