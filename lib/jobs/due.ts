import type { Clock, Due, Table } from '../ports';

/** What is due under any of these keys, oldest first, at most `limit`. */
export async function dueUnder(
  table: Pick<Table, 'due'>,
  todos: readonly string[],
  options: { until: number; limit: number },
): Promise<Due[]> {
  const due = await Promise.all(todos.map((todo) => table.due(todo, options)));
  return due
    .flat()
    .sort((a, b) => a.todoAt - b.todoAt)
    .slice(0, options.limit);
}

/** Entries that one kind of work reads or takes on at a time, so that it does not starve the others. */
export const SHARE = 100;

/** Keys of what is due, oldest first, page after page: for work that may leave what is due as it is. */
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
