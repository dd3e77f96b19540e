/** Entries in order, found by halving. In blocks, so that an entry at the front of 100,000 does not move the others. */
export interface SortedList<T> {
  add(entry: T): void;
  remove(entry: T): void;
  /** Entries behind `entry`, or all of them. */
  after(entry: T | undefined): Generator<T>;
  /** Entries in front of `entry`, the last of them first. */
  before(entry: T): Generator<T>;
  /** How many entries are behind `entry`. */
  countAfter(entry: T): number;
}

const BLOCK = 512;

export function sortedList<T>(compare: (a: T, b: T) => number): SortedList<T> {
  const blocks: T[][] = [];

  /** The first place of a sorted list whose entry satisfies `is`; the end where none does. */
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
  /** The first block that ends at or behind an entry. */
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
