/** One run of the user's own ssh: a program on another machine, or a forwarded port. */
import { settlesWithin } from "../../base/deadline.ts";
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";

/** Characters that login scripts may print before the awaited line. */
const preambleCharactersMax = 65_536;
/** How long ssh has to end after its input has, and after it was told to. */
const hangUpMs = 5_000;
const terminateMs = 2_000;

export interface SshProcessOptions {
  /** Gets every line of its standard error, escaped and cut, from ssh itself or from the other machine. */
  onLine: (line: string) => void;
  /** Gets what it prints after the line that {@linkcode SshProcess.firstLine} waited for, cut, as it came. */
  onOutput?: (line: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

/** Makes sure that a program may be started; nobody is asked. @throws {RcopyError} `permission-flag` */
export function requireRun(program: string): void {
  if (Deno.permissions.querySync({ name: "run", command: program }).state === "granted") return;
  throw new RcopyError(
    "permission-flag",
    `cannot start ${showText(program)}, by which HOST:PATH is reached: Deno was not given --allow-run=${
      showText(program)
    }; ` +
      "rcopy doctor prints the flags of a command line",
  );
}

/** Its standard input stays open until it is hung up: the program at the other end lives as long. */
export class SshProcess implements AsyncDisposable {
  readonly status: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #options: SshProcessOptions;
  readonly #errors: Promise<void>;
  readonly #stop = () => this.#kill("SIGTERM");
  #output: Promise<void> = Promise.resolve();
  #isMuted = false;

  /** `words` are a program and its arguments. @throws {RcopyError} `usage` where there is no such program */
  constructor([program, ...args]: readonly string[], options: SshProcessOptions) {
    this.#options = options;
    try {
      this.#child = new Deno.Command(program!, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
        .spawn();
    } catch (cause) {
      const reason = cause instanceof Deno.errors.NotFound
        ? "there is no such program; install OpenSSH, or name another one with --rsh"
        : cause instanceof Error
        ? cause.message
        : String(cause);
      throw new RcopyError("usage", `cannot start ${showText(program!)}: ${reason}`, { cause });
    }
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdin.closed.catch(() => {}); // the program that reads it may end at any time
    this.status = this.#child.status;
    this.#errors = this.#relay();
    options.signal.addEventListener("abort", this.#stop, { once: true });
    if (options.signal.aborted) this.#stop();
  }

  /** The match in the first line of its output that has one; `undefined` where its output ends without. Once only. */
  async firstLine(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    const found = Promise.withResolvers<RegExpExecArray | undefined>();
    this.#output = this.#look(pattern, found.resolve).finally(() => found.resolve(undefined));
    return await found.promise;
  }

  /** Writes to its standard input, and with that to what runs at the other end. */
  async say(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Waits for its end and for all that it had to say; false where that takes longer. */
  async hasEnded(withinMs: number): Promise<boolean> {
    return await settlesWithin(Promise.all([this.status, this.#errors]), withinMs);
  }

  /** Closes its standard input, which ends what runs at the other end. */
  async hangUp(): Promise<void> {
    await this.#stdin.close().catch(() => {});
  }

  /** Ends it; what it still has to say is of no interest. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isMuted = true;
    this.#options.signal.removeEventListener("abort", this.#stop);
    void this.hangUp();
    if (!await this.hasEnded(hangUpMs)) this.#kill("SIGTERM");
    if (!await this.hasEnded(terminateMs)) this.#kill("SIGKILL");
    await this.status;
    // A process that ssh left behind may hold the pipes open; nobody reads them any more.
    if (!await this.hasEnded(terminateMs)) return;
    await this.#output;
  }

  #kill(signal: Deno.Signal): void {
    this.#isMuted = true;
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended in this very moment.
    }
  }

  /** Reads to the end, so that nobody there waits for a reader. */
  async #look(pattern: RegExp, onFound: (match: RegExpExecArray) => void): Promise<void> {
    let isFound = false;
    let count = 0;
    for await (const line of linesOf(this.#child.stdout)) {
      if (isFound) this.#options.onOutput?.(line);
      if (isFound || count > preambleCharactersMax) continue;
      count += line.length;
      const match = pattern.exec(line);
      if (!match) continue;
      isFound = true;
      onFound(match);
    }
  }

  async #relay(): Promise<void> {
    for await (const line of linesOf(this.#child.stderr)) {
      if (!this.#isMuted && line !== "") this.#options.onLine(showText(line));
    }
  }
}

/** Lines without their ends, cut where they are too long to be shown or understood. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let line = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const pieces = text.split("\n");
    for (const [i, piece] of pieces.entries()) {
      line = (line + piece).slice(0, preambleCharactersMax);
      if (i === pieces.length - 1) continue;
      yield line.replace(/\r$/, "");
      line = "";
    }
  }
  yield line;
}
