/** A run that lasts as long as its standard input: how the end that ssh starts ends with its ssh. */
import { RcopyError } from "../base/errors.ts";

/**
 * Aborts when standard input ends. Of ssh's programs it does when the connection is gone or the other side hung up; a
 * signal would not come, as there is no terminal.
 */
export function whileStdinLasts(): AbortSignal {
  const controller = new AbortController();
  void readToEnd().then(() => {
    const message = "standard input has ended, and with it this run, as --end-with-stdin asks";
    controller.abort(new RcopyError("peer-lost", message));
  });
  return controller.signal;
}

async function readToEnd(): Promise<void> {
  const bytes = new Uint8Array(1024);
  try {
    while (await Deno.stdin.read(bytes) !== null);
  } catch {
    // A broken input has ended as well.
  }
}
