import type { Due, Table } from '../ports';

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
