/**
 * Whole numbers of 64 bits in columns, as doubles, without a BigInt for each. Exact for safe integers; little-endian, as every
 * machine that Deno runs on.
 */

type WideColumn = BigUint64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;

const wordSize = 4294967296;

/** Writes the first numbers of `numbers` to a column of as many elements. */
export function putWide(column: WideColumn, numbers: Float64Array): void {
  const words = new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
  for (let i = 0; i < column.length; i++) {
    const number = numbers[i]!;
    words[2 * i] = number >>> 0;
    words[2 * i + 1] = Math.floor(number / wordSize) >>> 0;
  }
}

/** The numbers of a column. */
export function wideNumbers(column: BigUint64Array | BigInt64Array): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(column.length);
  const low = new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
  if (column instanceof BigUint64Array) {
    for (let i = 0; i < numbers.length; i++) numbers[i] = low[2 * i + 1]! * wordSize + low[2 * i]!;
  } else {
    for (let i = 0; i < numbers.length; i++) numbers[i] = (low[2 * i + 1]! | 0) * wordSize + low[2 * i]!;
  }
  return numbers;
}
