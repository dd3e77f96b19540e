import type { Clock, Due, Table } from '../ports';

/** One kind of work handles at most this many entries at a time, so that it does not starve the others. */
export const SHARE = 100;

/** Pages of keys that are due, oldest first. A page may be left as it is, and the next page still follows. */
export async function* everyDue(
  { table, clock, share = SHARE }: { table: Pick<Table, 'due'>; clock: Pick<Clock, 'now'>; share?: number },
  { todo, mayGoOn }: { todo: string; mayGoOn: () => boolean },
): AsyncGenerator<string[]> {
  const until = clock.now();
  for (let after: Due | undefined; mayGoOn(); ) {
    const page = await table.due(todo, { until, after, limit: share });
    yield page.map(({ key }) => key);
    if (page.length < share) return;
    after = page.at(-1);
  }
}

/** The reconciler does work that is not urgent only then. */
export const isFirstMinuteOfHour = ({ now }: Pick<Clock, 'now'>): boolean => new Date(now()).getUTCMinutes() === 0;
