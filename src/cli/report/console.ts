/** Standard output and standard error: whole lines, in order. */

const encoder = new TextEncoder();

/** Writes synchronously, so that nothing is lost when the process ends; a reader that has gone is no error. */
export class Console {
  readonly #stdoutGone = { value: false };
  readonly #stderrGone = { value: false };

  /** For scripts. */
  out(text: string): void {
    write(Deno.stdout, text, this.#stdoutGone);
  }

  /** For people. */
  error(text: string): void {
    write(Deno.stderr, text, this.#stderrGone);
  }

  /** Standard error is a terminal. */
  get isTerminal(): boolean {
    return Deno.stderr.isTerminal();
  }

  /** Width of the terminal. */
  get columns(): number {
    try {
      return Deno.consoleSize().columns;
    } catch {
      return 80;
    }
  }
}

function write(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
  gone: { value: boolean },
): void {
  if (gone.value) return;
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.WouldBlock) return; // a full pipe that does not block: this text is lost
    gone.value = true;
  }
}
