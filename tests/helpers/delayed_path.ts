/** A slow path between two network namespaces, and rcopy at both of its ends. */
import type { DelayReport } from "./delay_proxy.ts";
import { Namespaces } from "./namespaces.ts";
import { type Outcome, RcopyProcess } from "./rcopy_process.ts";

export interface DelayedPathOptions {
  /** Of each direction. */
  delayMs: number;
  /** Most bytes under way, of each connection and direction. */
  windowBytes: number;
}

/** Ports in namespaces of their own: nobody else is there. */
const port = 3120;

export class DelayedPath implements AsyncDisposable {
  readonly namespaces: Namespaces;
  /** Where the receiver dials. */
  readonly address: string;
  /** Of the sender and of the proxy. */
  readonly port = port;
  readonly #proxy: Deno.ChildProcess;
  readonly #printed: ReadableStreamDefaultReader<Uint8Array>;
  #report: DelayReport | undefined;

  private constructor(namespaces: Namespaces, address: string, proxy: Deno.ChildProcess) {
    this.namespaces = namespaces;
    this.address = address;
    this.#proxy = proxy;
    this.#printed = proxy.stdout.getReader();
  }

  /** Makes the namespaces and starts the proxy between them. */
  static async open({ delayMs, windowBytes }: DelayedPathOptions): Promise<DelayedPath> {
    const namespaces = await Namespaces.make();
    const { sender, besideReceiver } = namespaces.addresses;
    const address = `${besideReceiver}:${port}`;
    const program = new URL("delay_proxy.ts", import.meta.url).pathname;
    const path = ["--delay-ms", `${delayMs}`, "--window-bytes", `${windowBytes}`];
    const [command, ...args] = [
      ...namespaces.within("middle"),
      ...[
        Deno.execPath(),
        "run",
        "-A",
        program,
        "--listen",
        address,
        "--target",
        `${sender}:${port}`,
        ...path,
      ],
    ];
    const proxy = new Deno.Command(command!, { args, stdin: "null", stdout: "piped" }).spawn();
    const opened = new DelayedPath(namespaces, address, proxy);
    if (!(await opened.#nextText()).startsWith("listening ")) {
      await opened[Symbol.asyncDispose]();
      throw new Error("the delay proxy did not start");
    }
    return opened;
  }

  /** Copies a tree over the path by two processes, and gives both outcomes. */
  async copy(
    source: string,
    target: string,
    options: { send?: readonly string[]; receive?: readonly string[] } = {},
  ): Promise<{ sent: Outcome; received: Outcome }> {
    const { sender, receiver } = await this.start(source, target, options);
    await using _sender = sender;
    await using _receiver = receiver;
    const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
    return { sent, received };
  }

  /** Starts the two processes of a copy; the caller disposes of them. */
  async start(
    source: string,
    target: string,
    { send = [], receive = [] }: { send?: readonly string[]; receive?: readonly string[] } = {},
  ): Promise<{ sender: RcopyProcess; receiver: RcopyProcess }> {
    const { sender: bind } = this.namespaces.addresses;
    const sender = new RcopyProcess(
      ["send", "--insecure", "--bind", bind, "-p", `${port}`, ...send, "--", source],
      { within: this.namespaces.within("sender") },
    );
    await sender.stdoutMatch(/rcopy receive|"port":/);
    const receiver = new RcopyProcess(
      ["receive", "--insecure", "-a", this.address, ...receive, "--", target],
      { within: this.namespaces.within("receiver") },
    );
    return { sender, receiver };
  }

  /** What the proxy has carried so far. */
  async carried(): Promise<DelayReport> {
    this.#proxy.kill("SIGUSR1");
    let text = "";
    while (!text.endsWith("\n")) text += await this.#nextText();
    return JSON.parse(text) as DelayReport;
  }

  /** Ends the proxy and gives what it has carried; the path is no more. */
  async close(): Promise<DelayReport> {
    if (this.#report) return this.#report;
    this.#proxy.kill("SIGTERM");
    let text = "";
    for (let more = await this.#nextText(); more !== ""; more = await this.#nextText()) text += more;
    await this.#proxy.status;
    return this.#report = JSON.parse(text) as DelayReport;
  }

  /** What the proxy prints next; nothing at its end. */
  async #nextText(): Promise<string> {
    const { value } = await this.#printed.read();
    return new TextDecoder().decode(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } finally {
      await this.namespaces[Symbol.asyncDispose]();
    }
  }
}
