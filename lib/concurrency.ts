import type { Clock } from './ports';

/** Does something for each item, in order, at most `atOnce` side by side. Rejects with the first failure. */
export async function mapEach<T, R>(items: readonly T[], atOnce: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const rest = items.entries();
  const lane = async () => {
    for (const [place, item] of rest) answers[place] = await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return answers;
}

/** Does something for each item, at most `atOnce` side by side. The first failure is thrown when all items are done. */
export async function throughAll<T>(
  items: Iterable<T> | AsyncIterable<T>,
  act: (item: T) => Promise<unknown>,
  atOnce = 1,
): Promise<void> {
  const failures: unknown[] = [];
  const rest = Symbol.iterator in items ? items[Symbol.iterator]() : items[Symbol.asyncIterator]();
  const lane = async () => {
    for (let next = await rest.next(); !next.done; next = await rest.next())
      try {
        await act(next.value);
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (failures.length > 0) throw failures[0];
}

/** Waits for the promise until `deadline` (ms) at most, and returns whether it ended in time. Rejects as it does. */
export async function endsBy(clock: Clock, deadline: number, promise: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const late = clock.sleep(deadline - clock.now(), ended.signal).then(() => false);
  // A timer that is left would keep the process alive.
  return Promise.race([promise.then(() => true), late]).finally(() => ended.abort());
}

export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
