/** A promise against a timer. */

/**
 * Whether `promise` settles, resolved or rejected, within so many milliseconds. Resolves as soon as either is known, and
 * leaves no timer running. Never rejects: a caller that needs the outcome awaits `promise` after `true`; a rejection after
 * `false` is dropped.
 */
export async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), milliseconds);
  const settled = promise.then(() => true, () => true);
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
