/**
 * A sorted list with binary search. It is split into blocks, so that an insert at the front of 100,000 entries moves
 * few of them.
 */
export interface SortedList<T> {
  add(entry: T): void;
  remove(entry: T): void;
  /** The entries after `entry`, or all entries. */
  after(entry: T | undefined): Generator<T>;
  /** The entries before `entry`, the last one first. */
  before(entry: T): Generator<T>;
  /** The number of entries after `entry`. */
  countAfter(entry: T): number;
}

const BLOCK = 512;

export function sortedList<T>(compare: (a: T, b: T) => number): SortedList<T> {
  const blocks: T[][] = [];

  /** The first index whose entry satisfies `is`, or the end. */
  const firstOf = <E>(list: readonly E[], is: (entry: E) => boolean): number => {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (is(list[middle] as E)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  /** The first block that ends at or after an entry. */
  const blockOf = (entry: T): number => firstOf(blocks, (block) => compare(block.at(-1) as T, entry) >= 0);

  return {
    add: (entry) => {
      const place = Math.min(blockOf(entry), Math.max(0, blocks.length - 1));
      blocks[place] ??= [];
      const block = blocks[place];
      const index = firstOf(block, (other) => compare(other, entry) >= 0);
      if (index < block.length && compare(block[index] as T, entry) === 0) return;
      block.splice(index, 0, entry);
      if (block.length > BLOCK) blocks.splice(place + 1, 0, block.splice(BLOCK / 2));
    },
    remove: (entry) => {
      const place = blockOf(entry);
      const block = blocks[place];
      if (!block) return;
      const index = firstOf(block, (other) => compare(other, entry) >= 0);
      if (compare(block[index] as T, entry) !== 0) return;
      block.splice(index, 1);
      if (block.length === 0) blocks.splice(place, 1);
    },
    after: function* (entry) {
      const begin = entry === undefined ? 0 : blockOf(entry);
      for (let place = begin; place < blocks.length; place++) {
        const block = blocks[place] as T[];
        const from = entry === undefined || place > begin ? 0 : firstOf(block, (other) => compare(other, entry) > 0);
        for (let index = from; index < block.length; index++) yield block[index] as T;
      }
    },
    before: function* (entry) {
      const begin = Math.min(blockOf(entry), blocks.length - 1);
      for (let place = begin; place >= 0; place--) {
        const block = blocks[place] as T[];
        const to = place < begin ? block.length : firstOf(block, (other) => compare(other, entry) >= 0);
        for (let index = to - 1; index >= 0; index--) yield block[index] as T;
      }
    },
    countAfter: (entry) => {
      const begin = blockOf(entry);
      return blocks.slice(begin).reduce((sum, block, place) => {
        const from = place > 0 ? 0 : firstOf(block, (other) => compare(other, entry) > 0);
        return sum + block.length - from;
      }, 0);
    },
  };
}
