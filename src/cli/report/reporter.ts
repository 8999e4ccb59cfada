/** Events as lines: text for people, JSON for scripts. */
import type { ErrorCode } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type {
  EntryFailure,
  ProgressSnapshot,
  TransferEvent,
  TransferSummary,
} from "../../transfer/session/events.ts";
import { withoutTickets } from "../../security/anchor/ticket_word.ts";
import type { Console } from "./console.ts";
import { ProgressHistory, renderProgress } from "./progress.ts";
import {
  describeStages,
  failuresShownMax,
  renderFailures,
  renderPlanned,
  renderReplaced,
  renderSummary,
} from "./summary.ts";

const levels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = typeof levels[number];

/** Between two progress lines: on a terminal, and elsewhere. */
const redrawMs = 100;
const plainLineMs = 10_000;
/** Between two progress events of `--json`. */
const eventMs = 1_000;

/** What a receiver whose session failed has in place. */
export type Kept = Omit<TransferEvent & { type: "kept" }, "type">;

export interface ReporterOptions {
  console: Pick<Console, "out" | "error" | "isTerminal" | "columns" | "isBehind" | "room">;
  json: boolean;
  quiet: boolean;
  logLevel: LogLevel;
  /** The line to run on the other machine, for an end that listens. */
  lineForPeer?: (event: TransferEvent & { type: "listening" }) => string;
  /** What is said of a transfer begins with its peer: there may be several at a time. */
  namesPeers?: boolean;
  /** Milliseconds that never go backwards. */
  now?: () => number;
}

/** What is shown of one transfer; a sender with `--keep` has several at a time. */
interface Shown {
  history: ProgressHistory;
  failures: EntryFailure[];
  replaced: string[];
  failureCount: number;
  /** Address of the other end, for people. */
  peer: string;
}

/** Transfers that are remembered, those that were lost and did not come back among them. */
const shownMax = 128;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #now: () => number;
  /** By the number of the transfer. */
  readonly #transfers = new Map<number, Shown>();
  #drawnAt = -Infinity;
  #plainAt: number;
  #eventAt = -Infinity;
  #isLineOpen = false;
  #holds = 0;
  /** A question stands at the end of a line, and has no answer yet. */
  #isQuestionOpen = false;
  #hasMet = false;
  #hasProgressed = false;
  #kept: Kept | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#plainAt = this.#now();
  }

  /** The sink for {@linkcode TransferEvent}s. */
  readonly onEvent = (event: TransferEvent): void | Promise<void> => {
    if (event.type === "connected") this.#hasMet = true;
    if (event.type === "progress") {
      this.#hasProgressed ||= event.progress.bytesDone + event.progress.entriesDone > 0;
    }
    // After a look at what would be copied all is as it was before.
    if (event.type === "done" && event.summary.dryRun) this.#hasMet = this.#hasProgressed = false;
    if (event.type === "kept") this.#kept = event;
    if (event.type === "note" && event.level === "info" && this.#options.quiet) return;
    if (this.#options.json) this.#emit(event);
    else this.#show(event);
    if (event.type === "planned") return this.#options.console.room();
  };

  /** Whether there was a session. */
  get hasMet(): boolean {
    return this.#hasMet;
  }

  /** Whether anything was copied, or settled in another way. */
  get hasProgressed(): boolean {
    return this.#hasProgressed;
  }

  /** What a receiver whose session failed has in place. */
  get kept(): Kept | undefined {
    return this.#kept;
  }

  /** A line on standard error, if the log level lets it through. */
  log(level: LogLevel, text: string): void {
    if (levels.indexOf(level) > levels.indexOf(this.#options.logLevel)) return;
    this.#eraseLine();
    this.#options.console.error(`rcopy: ${withoutTickets(text)}\n`);
  }

  /** The error that ended the run, as the last event of `--json`. */
  fail({ code, message }: { code: ErrorCode; message: string }, exitStatus: number): void {
    if (!this.#options.json) return;
    const error = { code, message: withoutTickets(showText(message)), exitStatus };
    this.#options.console.out(`${JSON.stringify({ type: "error", error })}\n`);
  }

  /** Draws no progress line until it is disposed of: a person is being asked something. */
  hold(): Disposable {
    this.#eraseLine();
    this.#holds++;
    this.#isQuestionOpen = true;
    return {
      [Symbol.dispose]: () => {
        this.#holds--;
        this.#isQuestionOpen = false;
      },
    };
  }

  /** Ends an open progress line, which stays. */
  close(): void {
    this.#closeLine();
  }

  #emit(event: TransferEvent): void {
    if (event.type === "note" && levels.indexOf(event.level) > levels.indexOf(this.#options.logLevel)) return;
    if (event.type === "progress") {
      const now = this.#now();
      if (now - this.#eventAt < eventMs) return;
      this.#eventAt = now;
    }
    if (event.type === "listening" && this.#options.lineForPeer) {
      this.#options.console.out(
        `${JSON.stringify({ ...event, command: this.#options.lineForPeer(event) })}\n`,
      );
      return;
    }
    this.#options.console.out(`${JSON.stringify(event)}\n`);
  }

  /** Of the transfer that an event is of. */
  #shownOf({ session = 0 }: TransferEvent): Shown {
    let shown = this.#transfers.get(session);
    if (!shown) {
      shown = { history: new ProgressHistory(), failures: [], replaced: [], failureCount: 0, peer: "" };
      this.#transfers.set(session, shown);
      const [oldest] = this.#transfers.keys();
      if (this.#transfers.size > shownMax) this.#transfers.delete(oldest!);
    }
    return shown;
  }

  #show(event: TransferEvent): void {
    const { console, quiet } = this.#options;
    const shown = this.#shownOf(event);
    switch (event.type) {
      case "engine":
        this.log("debug", `file engine ${event.engine}: ${event.reason}`);
        return;
      case "listening":
        this.#showListening(event);
        return;
      case "connected":
        if (!event.returned) shown.history = new ProgressHistory();
        // A session that goes on with a transfer names again what still fails.
        shown.failures.length = 0;
        if (!event.returned) shown.replaced.length = 0;
        shown.failureCount = 0;
        shown.peer = event.peer;
        this.log("debug", `connected to ${event.peer}`);
        return;
      case "progress":
        if (!quiet) this.#showProgress(event.progress, shown);
        return;
      case "failure":
        shown.failureCount++;
        if (shown.failures.length < failuresShownMax) shown.failures.push(event.failure);
        return;
      case "replaced":
        shown.replaced.push(event.path);
        return;
      case "planned":
        this.#eraseLine();
        console.out(`${renderPlanned(event)}\n`);
        return;
      case "note":
        this.log(event.level, event.message);
        return;
      case "stages":
        this.log("debug", describeStages(event.stages));
        return;
      case "kept":
        return;
      case "session-lost":
        this.log("warn", event.message);
        return;
      case "done":
        this.#showSummary(event.summary, shown);
        this.#transfers.delete(event.session ?? 0);
        return;
      default:
        event satisfies never;
    }
  }

  #showSummary(summary: TransferSummary, shown: Shown): void {
    const { quiet } = this.#options;
    // The last snapshot may have come too soon after the one before it to be drawn.
    if (this.#isLineOpen) this.#drawLine(shown);
    this.#closeLine();
    const whose = this.#options.namesPeers && shown.peer !== "" ? `${shown.peer}: ` : "";
    // The list of a dry run has them all.
    const replaced = summary.dryRun ? 0 : summary.replaced;
    for (const line of renderReplaced(shown.replaced.slice(0, replaced), replaced)) {
      if (!quiet) this.log("info", whose + line);
    }
    for (const line of renderFailures(shown.failures, shown.failureCount)) this.log("error", whose + line);
    if (!quiet) this.log("info", whose + renderSummary(summary));
  }

  #showListening(event: TransferEvent & { type: "listening" }): void {
    const { console, quiet, lineForPeer } = this.#options;
    if (!quiet) {
      const isKnown = event.addresses.length > 0;
      const where = isKnown
        ? `reachable at ${event.addresses.join(", ")}`
        : "this machine's addresses are unknown without --allow-sys=networkInterfaces";
      this.log("info", `listening on port ${event.port}, ${where}`);
      const missing = event.ticket === undefined
        ? ", with this machine's name or address put in"
        : `, with -a HOST:${event.port} added for this machine's name or address`;
      const withWhat = isKnown || (event.advertised ?? []).length > 0 ? "" : missing;
      this.log("info", `run this on the other machine${withWhat}:`);
    }
    if (lineForPeer) console.out(`${lineForPeer(event)}\n`);
  }

  #showProgress(progress: ProgressSnapshot, shown: Shown): void {
    const { console } = this.#options;
    const { history } = shown;
    history.add(progress);
    // A terminal that stands still gets the latest when it goes on.
    if (console.isBehind) return;
    const now = this.#now();
    if (console.isTerminal) {
      if (this.#holds > 0) return;
      if (now - this.#drawnAt < redrawMs) return;
      this.#drawnAt = now;
      this.#drawLine(shown);
    } else if (now - this.#plainAt >= plainLineMs) {
      this.#plainAt = now;
      console.error(`${renderProgress(history.latest!, history, 200)}\n`);
    }
  }

  #drawLine({ history }: Shown): void {
    const { console } = this.#options;
    const line = renderProgress(history.latest!, history, console.columns - 1);
    console.error(`\r${line}\u001b[K`);
    this.#isLineOpen = true;
  }

  /** Makes room for another line; the next snapshot draws the progress line again. */
  #eraseLine(): void {
    this.#leaveQuestion();
    if (!this.#isLineOpen) return;
    this.#isLineOpen = false;
    this.#options.console.error("\r\u001b[K");
  }

  /** What follows a question that nobody has answered begins a line of its own. */
  #leaveQuestion(): void {
    if (!this.#isQuestionOpen) return;
    this.#isQuestionOpen = false;
    this.#options.console.error("\n");
  }

  #closeLine(): void {
    this.#leaveQuestion();
    if (!this.#isLineOpen) return;
    this.#isLineOpen = false;
    this.#options.console.error("\n");
  }
}
