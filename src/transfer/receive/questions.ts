/**
 * What a person is asked before it is done. No session waits for an answer: entries that depend on one are put off, the rest
 * is copied, and the questions come at its end. With the answers another session of the transfer does what was put off, or
 * leaves it.
 */
import { RcopyError } from "../../base/errors.ts";
import type { TargetDirectory } from "../target/tree.ts";

/** What a question is about: entries that take the place of others, and entries that change settings of a home. */
export type Matter = "replace" | "settings";

/** Names that a question shows. */
const namedMax = 5;

export interface ConsentOptions {
  /** Asks a person a question that takes yes or no. Absent where no answer is open. */
  ask?: ((question: string) => Promise<boolean>) | undefined;
  /** The answers that are known; what is missing here is asked. */
  answers: Readonly<Partial<Record<Matter, boolean>>>;
  /** The destination, as a person knows it. */
  shown: string;
  onAnswer?: (matter: Matter, answer: boolean) => void;
}

/** The answers of a person, over all sessions of a transfer. */
export class Consent {
  readonly #options: ConsentOptions;
  readonly #answers: Partial<Record<Matter, boolean>>;
  /** A session that is lost while a person thinks leaves the question to the next. */
  readonly #asked = new Map<Matter, Promise<void>>();

  constructor(options: ConsentOptions) {
    this.#options = options;
    this.#answers = { ...options.answers };
  }

  /** `undefined` where a person has to be asked. */
  to(matter: Matter): boolean | undefined {
    return this.#answers[matter];
  }

  /** Asks once. @throws what asking throws */
  async ask(matter: Matter, about: PutOff): Promise<void> {
    if (this.#answers[matter] !== undefined) return;
    let asked = this.#asked.get(matter);
    if (!asked) {
      this.#asked.set(matter, asked = this.#put(matter, about));
      asked.catch(() => {}); // it may fail when no session waits for it
    }
    await asked;
  }

  async #put(matter: Matter, about: PutOff): Promise<void> {
    const { ask = () => Promise.resolve(false), onAnswer } = this.#options;
    const answer = this.#answers[matter] = await ask(this.#question(matter, about));
    onAnswer?.(matter, answer);
  }

  #question(matter: Matter, about: PutOff): string {
    const { shown } = this.#options;
    return matter === "replace"
      ? `in ${shown} are files that rcopy may not have put there, and this copy has others of their names: ` +
        `${listOf(about)}; replace them?`
      : `this copy would change settings of a home or of this machine in ${shown}: ${
        listOf(about)
      }; take them?`;
  }
}

/** Entries that wait for an answer. */
export interface PutOff {
  count: number;
  /** Paths of the first, escaped. */
  names: readonly string[];
}

function listOf({ count, names }: PutOff): string {
  const more = count - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Why an entry is left as it is, or left out. */
export function refusalOf(matter: Matter): RcopyError {
  return matter === "replace"
    ? new RcopyError("exists", "it is there already, and is kept as answered; --yes replaces it")
    : new RcopyError(
      "not-permitted",
      "left out: it would change settings of a home or of this machine; --dotfiles takes such entries, too",
    );
}

export interface QuestionsOptions {
  consent: Consent;
  /** The path of an entry, escaped. */
  pathOf: (directory: TargetDirectory, name: Uint8Array) => string;
  /** Tells the sender that a person is being asked. */
  tell: () => void;
  /** Milliseconds between two times that it is told. */
  everyMs: number;
}

/** The questions of one session. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #ended = Promise.withResolvers<void>();
  readonly #putOff = new Map<Matter, { count: number; names: string[] }>();
  #hasEnded = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Whether an entry may be done; `later` puts it off until a person has been asked. */
  may(matter: Matter, directory: TargetDirectory, name: Uint8Array): "yes" | "no" | "later" {
    const { consent, pathOf } = this.#options;
    const answer = consent.to(matter);
    if (answer !== undefined) return answer ? "yes" : "no";
    let about = this.#putOff.get(matter);
    if (!about) this.#putOff.set(matter, about = { count: 0, names: [] });
    if (about.count++ < namedMax) about.names.push(pathOf(directory, name));
    return "later";
  }

  /** Whether entries may be done without a question. */
  allows(matter: Matter): boolean {
    return this.#options.consent.to(matter) === true;
  }

  /** Whether anything was put off. */
  get areOpen(): boolean {
    return this.#putOff.size > 0;
  }

  /** Asks about all that was put off; false if the session has ended before. @throws what asking throws */
  async ask(): Promise<boolean> {
    const { consent, tell, everyMs } = this.#options;
    tell();
    const timer = setInterval(tell, everyMs);
    try {
      for (const [matter, about] of this.#putOff) {
        await Promise.race([consent.ask(matter, about), this.#ended.promise]);
        if (this.#hasEnded) return false;
      }
      return true;
    } finally {
      clearInterval(timer);
    }
  }

  /** The session has ended: no answer is waited for any more. */
  end(): void {
    this.#hasEnded = true;
    this.#ended.resolve();
  }
}
