/** Comparison of secrets, which an attacker must not learn byte by byte. */

/** Whether two byte strings are equal, in a time that depends on the length of `expected` only. */
export function equalInConstantTime(expected: Uint8Array, given: Uint8Array): boolean {
  let difference = expected.length ^ given.length;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ (given[i] ?? 0);
  return difference === 0;
}
