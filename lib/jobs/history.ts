import type { HistoryEntry } from './row';

const MOST_ENTRIES = 100;

/** Appends to a list in a row. A full list keeps its first half and loses the oldest entry of the rest. */
export function appended<T>(list: readonly T[], entry: T): T[] {
  if (list.length < MOST_ENTRIES) return [...list, entry];
  const first = MOST_ENTRIES / 2;
  return [...list.slice(0, first), ...list.slice(first + 1), entry];
}

export const noted = <Row extends { history: HistoryEntry[] }>(row: Row, entry: HistoryEntry): Row => ({
  ...row,
  history: appended(row.history, entry),
});
