/** The loss of a session, by the codes of errors: both ends keep what they have, and look for each other again. */
import type { ErrorCode } from "../base/errors.ts";

/** Errors after which the peer may be met again: it was lost, and neither refused nor failed. */
export const lossCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["peer-lost", "timeout", "unreachable"]);
