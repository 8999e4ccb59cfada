/** Runs `body` for every item, a few at a time; after a failure no more are started, and that failure is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  { atATime }: { atATime: number },
  body: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  await Promise.all(Array.from({ length: atATime }, async () => {
    while (next < items.length && errors.length === 0) {
      const index = next++;
      await body(items[index]!, index).catch((error) => errors.push(error));
    }
  }));
  if (errors.length > 0) throw errors[0];
}
