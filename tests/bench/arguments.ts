/** Arguments of the benchmarks' programs: `--name value` and `--name`. */

/** What was given. */
export interface Arguments {
  value(name: string): string | undefined;
  /** A positive number, or `byDefault`. */
  number(name: string, byDefault: number): number;
  /** Positive numbers with commas between them, or `byDefault`. */
  numbers(name: string, byDefault: readonly number[]): number[];
  has(name: string): boolean;
}

/**
 * The names in a list with commas between them. @throws if one is not among `known`; `what` says in the message what
 * they are names of
 */
export function namesIn(list: string, { known, what }: { known: readonly string[]; what: string }): string[] {
  const names = list.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!known.includes(name)) {
      throw new Error(`there is no ${what} "${name}"; there are ${known.join(", ")}`);
    }
  }
  return names;
}

/** Reads arguments of the given names, without dashes. @throws if anything else is among them */
export function parseArguments(
  args: readonly string[],
  names: { values: readonly string[]; switches: readonly string[] },
): Arguments {
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (let at = 0; at < args.length; at++) {
    const name = args[at]!.replace(/^--/, "");
    if (names.switches.includes(name)) switches.add(name);
    else if (names.values.includes(name) && at + 1 < args.length) values.set(name, args[++at]!);
    else {
      const known = [
        ...names.values.map((one) => `--${one} VALUE`),
        ...names.switches.map((one) => `--${one}`),
      ];
      throw new Error(`"${args[at]}" is not understood here; there are ${known.join(", ")}`);
    }
  }
  const numbers = (name: string, byDefault: readonly number[]): number[] => {
    const text = values.get(name);
    if (text === undefined) return [...byDefault];
    return text.split(",").map((part) => {
      const number = Number(part);
      if (!(number > 0)) throw new Error(`--${name} takes positive numbers, and "${part}" is none`);
      return number;
    });
  };
  return {
    value: (name) => values.get(name),
    number: (name, byDefault) => numbers(name, [byDefault])[0]!,
    numbers,
    has: (name) => switches.has(name),
  };
}
