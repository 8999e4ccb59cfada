/** An engine that fails where a test wants it to, and works otherwise. */
import type { RcopyError } from "../../src/base/errors.ts";
import type { Engine, FileRead, FileWrite, Listing, Pending } from "../../src/io/contract/engine.ts";

/** Methods that can be made to fail: everything that is a call. */
export type FaultMethod = {
  [Key in keyof Engine]: Engine[Key] extends (...args: never[]) => unknown ? Key : never;
}[keyof Engine];

/** Which call fails, and how. */
export interface Fault {
  method: FaultMethod;
  /** 1 for the first call; in a batch, each file counts as one. */
  call: number;
  error: RcopyError;
  /** Where the error comes from: the call itself, or (readRange, writeRange) the end of what it started. */
  at?: "start" | "finish";
}

/** How often each method was called. */
export type CallCounts = Partial<Record<FaultMethod, number>>;

/**
 * Wraps an engine. In `readFiles` and `createFiles` the error is put beside the file whose turn it is, and that
 * file is not given to the engine; elsewhere it is thrown, in place of the call or (`at: "finish"`) after it was done.
 * @returns the engine, and the counts, which go on counting
 */
export function faultEngine(engine: Engine, faults: readonly Fault[]): { engine: Engine; calls: CallCounts } {
  const calls: CallCounts = {};
  /** Counts a call and finds its fault. */
  const count = (method: FaultMethod): Fault | undefined => {
    const call = (calls[method] ?? 0) + 1;
    calls[method] = call;
    return faults.find((fault) => fault.method === method && fault.call === call);
  };
  const wrapped = new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== "function") return value;
      const method = property as FaultMethod;
      const call = (...args: unknown[]): unknown => value.apply(target, args);
      if (method === "readFiles" || method === "createFiles") {
        return (files: (FileRead | FileWrite)[], memory: Uint8Array) => {
          return call(withoutFaulty(files, () => count(method)), memory);
        };
      }
      return (...args: unknown[]): unknown => {
        const fault = count(method);
        if (!fault) return call(...args);
        if (fault.at !== "finish") throw fault.error;
        return failingAtTheEnd(call(...args), fault.error);
      };
    },
  });
  return { engine: wrapped, calls };
}

/** The files of a batch that have no fault; the others get their errors. */
function withoutFaulty<File extends FileRead | FileWrite>(
  files: readonly File[],
  nextFault: () => Fault | undefined,
): File[] {
  return files.filter((file) => {
    const fault = nextFault();
    if (fault) file.error = fault.error;
    return !fault;
  });
}

/** What was started goes on to its end, so that its memory is free, and then fails. */
function failingAtTheEnd(started: unknown, error: RcopyError): unknown {
  if (isListing(started)) {
    return {
      next() {
        throw error;
      },
      [Symbol.dispose]: () => started[Symbol.dispose](),
    };
  }
  if (!isPending(started)) throw error;
  const fail = () => {
    throw error;
  };
  return {
    finish() {
      const waiting = started.finish();
      return waiting instanceof Promise ? waiting.then(fail) : fail();
    },
  };
}

function isPending(value: unknown): value is Pending {
  return typeof value === "object" && value !== null && "finish" in value;
}

function isListing(value: unknown): value is Listing {
  return typeof value === "object" && value !== null && "next" in value;
}
