/** Work that an engine has started. */

/**
 * Work that has been started. `finish` returns at once where the work is already done, else a promise.
 * It must be called exactly once, also where the result is not needed any more.
 */
export interface Pending<T = void> {
  finish(): T | Promise<T>;
}
