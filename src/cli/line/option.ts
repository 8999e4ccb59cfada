/** A row of the table of options, and the kinds of options. */
import type { ReceiveOptions, SendOptions } from "../../mod.ts";

/** The word behind an option: none, one of a few, or a text that is parsed. */
export type OptionKind =
  | { of: "switch" }
  | { of: "choice"; values: readonly string[] }
  | { of: "value" | "list"; takes: string; parse: (text: string) => unknown };

/** The value of an option of that kind; a list collects the values of an option that is repeated. */
export type ValueOf<Kind extends OptionKind> = Kind extends { of: "switch" } ? true
  : Kind extends { of: "choice"; values: readonly (infer Value)[] } ? Value
  : Kind extends { of: "value"; parse: (text: string) => infer Value } ? Value
  : Kind extends { of: "list"; parse: (text: string) => infer Value } ? Value[]
  : never;

/** The options of the library, of both ends. */
export type LibraryOptions = SendOptions & ReceiveOptions;

/** Names of the options of the library that take such a value. */
type FieldFor<Value> = {
  [Field in keyof LibraryOptions]-?: [Value] extends [LibraryOptions[Field]] ? Field : never;
}[keyof LibraryOptions];

/** A row of the table. */
export interface Option {
  letter?: string;
  kind: OptionKind;
  /** One line. */
  brief: string;
  /** As shown in help. */
  byDefault?: string;
  /** The option of the library that the value is for; absent where the program itself uses it. */
  field?: keyof LibraryOptions;
  /** Which ends get it that are started through ssh for HOST:PATH; none where absent. */
  passedTo?: "any" | "receiver" | "sender";
}

/** A row whose field takes what its kind gives. */
export function option<const Kind extends OptionKind>(
  row: Omit<Option, "kind" | "field"> & { kind: Kind; field?: FieldFor<ValueOf<Kind>> },
): Option & { kind: Kind } {
  return row;
}

/** An option without a value. */
export const aSwitch = { of: "switch" } as const;

/** An option that takes one of these words. */
export function oneOf<const Values extends readonly string[]>(...values: Values) {
  return { of: "choice", values } as const;
}

/** An option that takes a value, shown as `takes`; `parse` throws an {@linkcode RcopyError} `usage`. */
export function value<Value>(takes: string, parse: (text: string) => Value) {
  return { of: "value", takes, parse } as const;
}

/** An option that may be given more than once. */
export function list<Value>(takes: string, parse: (text: string) => Value) {
  return { of: "list", takes, parse } as const;
}
