/** An error that both ends tell, told once. Pure. */
import { RcopyError } from "../../base/errors.ts";
import { textForPeer } from "../../base/show.ts";

/** The error of this end, shorter where the other end has told the same itself, and with its paths. */
export function toldOnce(thrown: unknown, label: string, told: readonly string[]): unknown {
  if (!(thrown instanceof RcopyError)) return thrown;
  const [, said] = /peer says: (.*)$/s.exec(thrown.message) ?? [];
  if (said === undefined || !told.some((line) => textForPeer(line) === said)) return thrown;
  return new RcopyError(thrown.code, `the other end on ${label} ended the copy, as told above`, {
    cause: thrown,
  });
}
