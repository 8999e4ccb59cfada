/** Which engine serves a run, and why. */
import { RcopyError } from "../base/errors.ts";
import type { Engine } from "./contract/engine.ts";
import type { SocketOptions } from "./contract/sockets.ts";

/** `--io`: what was asked for. */
export type EngineChoice = "auto" | "uring" | "deno";

/** The engine of a run. */
export interface ChosenEngine {
  engine: Engine;
  /** Why this one, in a sentence. */
  reason: string;
  /** What the engine can do for sockets, where it can. */
  sockets?: SocketOptions;
}

/**
 * Opens the engine that was asked for; `auto` takes io_uring where it can be had. Nobody is asked for a permission.
 * @throws {RcopyError} `engine-unavailable` when `uring` cannot be had, with the reason
 */
export async function chooseEngine(choice: EngineChoice): Promise<ChosenEngine> {
  if (choice === "deno") {
    return {
      engine: await openPortable({ isAsked: true }),
      reason: "Deno's own file calls were asked for (--io deno)",
    };
  }
  const { openUringEngine } = await import("./uring/engine.ts");
  let why: string;
  try {
    const engine = openUringEngine();
    return { engine, sockets: engine, reason: "io_uring works on this machine" };
  } catch (thrown) {
    if (!(thrown instanceof RcopyError) || thrown.code !== "engine-unavailable") throw thrown;
    why = thrown.message;
    if (choice === "uring") {
      const message = `${why}; --io auto takes Deno's own file calls instead`;
      throw new RcopyError("engine-unavailable", message, { cause: thrown });
    }
  }
  return { engine: await openPortable(), reason: why.replace(/^cannot use io_uring/, "no io_uring") };
}

async function openPortable(options: { isAsked?: boolean } = {}): Promise<Engine> {
  const { openDenoEngine } = await import("./deno/engine.ts");
  return openDenoEngine(options);
}
