import type { Clock } from './ports';

/**
 * Does something for each item, at most `atOnce` side by side. Nothing begins after a failure. What has begun ends before
 * the first failure is thrown.
 */
export async function mapEach<T, R>(items: readonly T[], atOnce: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const answer = async ([place, item]: [number, T]) => {
    answers[place] = await act(item);
  };
  await inLanes(items.entries(), Math.min(atOnce, items.length), answer, { goesOn: false });
  return answers;
}

/** Does something for each item, at most `atOnce` side by side. The first failure is thrown when all items are done. */
export const throughAll = <T>(
  items: Iterable<T> | AsyncIterable<T>,
  act: (item: T) => Promise<unknown>,
  atOnce = 1,
): Promise<void> => inLanes(items, atOnce, act, { goesOn: true });

async function inLanes<T>(
  items: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  act: (item: T) => Promise<unknown>,
  { goesOn }: { goesOn: boolean },
): Promise<void> {
  const failures: unknown[] = [];
  const rest = Symbol.iterator in items ? items[Symbol.iterator]() : items[Symbol.asyncIterator]();
  const lane = async () => {
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      await act(next.value).catch((error: unknown) => failures.push(error));
      if (failures.length > 0 && !goesOn) return;
    }
  };
  // A list that breaks off ends its lane.
  const kept = (error: unknown) => failures.push(error);
  await Promise.all(Array.from({ length: atOnce }, () => lane().catch(kept)));
  if (failures.length > 0) throw failures[0];
}

/** Waits for the promise until `deadline` (ms) at most, and returns whether it ended in time. Rejects as it does. */
export async function endsBy(clock: Clock, deadline: number, promise: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const late = clock.sleep(deadline - clock.now(), ended.signal).then(() => false);
  // A timer that is left would keep the process alive.
  return Promise.race([promise.then(() => true), late]).finally(() => ended.abort());
}
