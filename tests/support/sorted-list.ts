/** A sorted list with binary search. */
export interface SortedList<T> {
  add(entry: T): void;
  remove(entry: T): void;
  after(entry: T | undefined): Generator<T>;
  /** The entries before `entry`, the last one first. */
  before(entry: T): Generator<T>;
  countAfter(entry: T): number;
}

export function sortedList<T>(compare: (a: T, b: T) => number): SortedList<T> {
  const entries: T[] = [];

  /** The index of the first entry that is not before this one, or that is after it, or the end. */
  const firstOf = (entry: T, which: 'not before' | 'after'): number => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = compare(entries[middle] as T, entry);
      if (order > 0 || (order === 0 && which === 'not before')) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const isAt = (index: number, entry: T): boolean =>
    index < entries.length && compare(entries[index] as T, entry) === 0;

  return {
    add: (entry) => {
      const index = firstOf(entry, 'not before');
      if (!isAt(index, entry)) entries.splice(index, 0, entry);
    },
    remove: (entry) => {
      const index = firstOf(entry, 'not before');
      if (isAt(index, entry)) entries.splice(index, 1);
    },
    after: function* (entry) {
      for (let index = entry === undefined ? 0 : firstOf(entry, 'after'); index < entries.length; index++)
        yield entries[index] as T;
    },
    before: function* (entry) {
      for (let index = firstOf(entry, 'not before') - 1; index >= 0; index--) yield entries[index] as T;
    },
    countAfter: (entry) => entries.length - firstOf(entry, 'after'),
  };
}
