/**
 * When a test counts as hung. Not by the clock: a machine that is slow or busy must make no test fail. A test is given a
 * time in which nothing of it could go on, and a time of computing.
 */
import type { Activity } from "./process_activity.ts";

/** Time in which no process of a test does anything. Tests wait for time limits of rcopy, of up to twenty seconds. */
const idleMsMax = 120_000;
/** Processor time of all processes of a test. */
const cpuMsMax = 600_000;
/** What must be done at least, as a part of the time, to count as activity: a process that only looks at its timers does less. */
const activeMin = 0.05;
/** Where nobody can look at processes, waiting and computing look the same. */
const blindFactor = 8;

/** Judges one test after the other. */
export class TestPatience {
  #idleMs = 0;
  #cpuMs = 0;
  #before: Activity | undefined;

  /** Another test has begun. */
  restart(): void {
    this.#idleMs = 0;
    this.#cpuMs = 0;
  }

  /** Looks at what has been done in the last `elapsedMs`; the reason why the test counts as hung, if it does. */
  observe(now: Activity | undefined, elapsedMs: number): string | undefined {
    const doneMs = Math.max(0, (now?.cpuMs ?? 0) - (this.#before?.cpuMs ?? now?.cpuMs ?? 0));
    this.#before = now;
    this.#cpuMs += doneMs;
    if (now === undefined) this.#idleMs += elapsedMs / blindFactor;
    else if (!now.canGoOn && doneMs < elapsedMs * activeMin) this.#idleMs += elapsedMs;
    if (this.#idleMs >= idleMsMax) return `nothing of it has done anything for ${idleMsMax / 1000} s`;
    if (this.#cpuMs >= cpuMsMax) return `it has computed for ${cpuMsMax / 1000} s`;
    return undefined;
  }
}
