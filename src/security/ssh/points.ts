/** Which points are keys: on the curve, and of large order. Libraries differ in what they check; this does not. */
import { toBigInt } from "./wire.ts";

/** The NIST curves y² = x³ − 3x + b over the integers modulo p (FIPS 186-4, D.1.2). */
export const curves = {
  p256: {
    curve: "nistp256",
    coordinateBytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  p384: {
    curve: "nistp384",
    coordinateBytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
} as const;

/** Whether these bytes are an uncompressed point of the curve. */
export function isOnCurve(kind: keyof typeof curves, point: Uint8Array): boolean {
  const { coordinateBytes, p, b } = curves[kind];
  if (point.length !== 2 * coordinateBytes + 1 || point[0] !== 4) return false;
  const x = toBigInt(point.subarray(1, 1 + coordinateBytes));
  const y = toBigInt(point.subarray(1 + coordinateBytes));
  return x < p && y < p && (y * y - x * x * x + 3n * x - b) % p === 0n;
}

/** The prime of Curve25519. */
const p25519 = 2n ** 255n - 19n;
/** A y of the points of order 8; the other is its negative. */
const orderEightY = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
/** The y of every point whose order divides 8. */
const smallOrderYs = [0n, 1n, p25519 - 1n, orderEightY, p25519 - orderEightY];

/** Whether an Ed25519 key has an order that lets one signature pass for many messages, or is not in its only form. */
export function isSmallOrder(key: Uint8Array): boolean {
  const y = toBigInt(key.toReversed()) & (2n ** 255n - 1n);
  return y >= p25519 || smallOrderYs.includes(y);
}
