const MOST_ENTRIES = 100;

/** Appends to a list that is kept in the row; of a long one the first half stays and the oldest of the rest go. */
export function appended<T>(list: readonly T[], entry: T): T[] {
  if (list.length < MOST_ENTRIES) return [...list, entry];
  const first = MOST_ENTRIES / 2;
  return [...list.slice(0, first), ...list.slice(first + 1), entry];
}
