/** Failures of this side: entries that cannot be sent, reported here and to the receiver. The mirror image is `receive/failures.ts`. */
import type { RcopyError } from "../../base/errors.ts";
import { textForPeer } from "../../base/show.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import type { Control } from "../session/control.ts";
import { type SendBatch, SendState } from "../source/batch.ts";
import type { Outcome } from "../session/outcome.ts";
import type { PathPrefixes } from "../../entry/path_prefixes.ts";
import type { SourceDirectory } from "../source/directory.ts";

export class SendFailures {
  readonly #control: Control;
  readonly #outcome: Outcome;
  readonly #prefixes: PathPrefixes;

  constructor(control: Control, outcome: Outcome, prefixes: PathPrefixes) {
    this.#control = control;
    this.#outcome = outcome;
    this.#prefixes = prefixes;
  }

  /** An entry that the manifest does not list. */
  notListed(directory: SourceDirectory, name: Uint8Array, error: RcopyError): void {
    if (error.code !== "not-sent") this.#outcome.failed++;
    this.#outcome.report(this.#prefixes.show(directory, name), error.code, error.message);
    this.#control.send({
      kind: "failure",
      place: { of: "name", directory: directory.number, name: name.slice() },
      code: wireCodeOf[error.code],
      text: textForPeer(error.message),
    });
  }

  /** A file that has more bytes now than at the scan. The receiver counts it, and learns of it with its content. */
  grown(batch: SendBatch, entry: number, size: number): void {
    const path = this.#prefixes.show(batch.directoryOf(entry), batch.columns.name(entry));
    const before = batch.columns.sizes[entry]!;
    this.#outcome.report(
      path,
      "grown",
      `it is growing: the ${before} bytes that it had at the start are copied, it has ${size} now`,
    );
  }

  /** An entry of the manifest that cannot be read as it was listed. */
  entryFailed(batch: SendBatch, entry: number, error: RcopyError): void {
    // An entry that was sent before may have arrived: the receiver places it then, whatever a second reading says.
    if (batch.states[entry] !== SendState.sent) batch.states[entry] = SendState.failed;
    this.#outcome.report(
      this.#prefixes.show(batch.directoryOf(entry), batch.columns.name(entry)),
      error.code,
      error.message,
    );
    this.#control.send({
      kind: "failure",
      place: { of: "entry", batch: batch.number, entry },
      code: wireCodeOf[error.code],
      text: textForPeer(error.message),
    });
  }
}
