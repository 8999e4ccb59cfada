/** Requests of the receiver to send again what arrived damaged. */
import { RcopyError } from "../../base/errors.ts";
import { resendsMax } from "../../wire/limits.ts";
import type { Resend } from "../../wire/settlement.ts";
import { SendState } from "../source/batch.ts";
import type { SendPlan } from "./plan.ts";
import type { SendUnsettled } from "./unsettled.ts";

export class ResendRequests {
  readonly #unsettled: SendUnsettled;
  readonly #plan: SendPlan;
  readonly #times = new Map<string, number>();

  constructor(unsettled: SendUnsettled, plan: SendPlan) {
    this.#unsettled = unsettled;
    this.#plan = plan;
  }

  /** Puts it before everything else in the plan. @throws {RcopyError} `protocol` for what was not sent, or asked for too often */
  onResend({ batch: number, entry, extent }: Resend): void {
    const key = `${number}/${entry}/${extent}`;
    const times = (this.#times.get(key) ?? 0) + 1;
    if (times > resendsMax) {
      throw new RcopyError("protocol", `the peer asked more than ${resendsMax} times for one extent again`);
    }
    this.#times.set(key, times);
    const large = this.#unsettled.large(number, entry);
    if (large) {
      if (extent >= large.extents || extent >= large.next || large.isKept(extent)) {
        throw new RcopyError("protocol", `the peer asked again for extent ${extent}, which was not sent`);
      }
      this.#plan.addAgain({ of: "extent", source: large, index: extent });
      return;
    }
    const batch = this.#unsettled.batch(number);
    if (extent !== 0 || batch.states[entry] !== SendState.sent) {
      throw new RcopyError(
        "protocol",
        `the peer asked again for extent ${extent} of entry ${entry} of batch ${number}, which was not sent`,
      );
    }
    const isUnsized = batch.measured.has(entry);
    this.#plan.addAgain({ of: "bundle", batch, entries: [entry], bytes: batch.sizeOf(entry), isUnsized });
  }
}
