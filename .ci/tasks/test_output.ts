/** What a process of `deno test` prints as it goes: which test runs, and which have ended how. */

/** A test that has ended. */
export interface EndedTest {
  name: string;
  outcome: "passed" | "failed" | "ignored";
}

const outcomes: Readonly<Record<string, EndedTest["outcome"]>> = {
  ok: "passed",
  FAILED: "failed",
  cancelled: "failed",
  ignored: "ignored",
};
// deno-lint-ignore no-control-regex
const colours = /\x1b\[[0-9;]*m/g;
const outputBegins = /^-{7} (post-test )?output -{7}$/;
const outputEnds = /^-{5} (post-test )?output end -{5}$/;

/** Reads the output of Deno's own reporter, piece by piece. What tests print themselves is told apart by its frame. */
export class TestOutput {
  /** The test that runs, as far as the output says. */
  running: string | undefined;
  /** The file whose tests run. */
  file: string | undefined;
  readonly ended: EndedTest[] = [];
  #line = "";
  #isFramed = false;

  /** Takes the next piece. */
  take(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#takeLine(line.replace(colours, ""));
    this.#takeBeginning(this.#line.replace(colours, ""));
  }

  #takeLine(line: string): void {
    if (outputBegins.test(line)) this.#isFramed = true;
    else if (outputEnds.test(line)) this.#isFramed = false;
    if (this.#isFramed) return;
    const file = /^running \d+ tests? from (.+)$/.exec(line)?.[1];
    if (file !== undefined) this.file = file;
    const [, name, word] = /^(\S.*) \.\.\. (ok|FAILED|cancelled|ignored)\b[^.]*$/.exec(line) ?? [];
    if (name === undefined) return this.#takeBeginning(line);
    this.ended.push({ name, outcome: outcomes[word!]! });
    this.running = undefined;
  }

  /** A test's name stands at the beginning of a line until it has ended; its steps are indented. */
  #takeBeginning(line: string): void {
    if (!this.#isFramed) this.running = /^(\S.*) \.\.\.$/.exec(line)?.[1] ?? this.running;
  }
}
