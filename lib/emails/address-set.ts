import { createHash } from 'node:crypto';

const WORDS = 4;
const FIRST_SLOTS = 1024;
/** Open addressing gets slow when it is fuller. */
const FULLEST = 0.6;

/**
 * Remembers which texts were seen, 16 bytes each: a Set of a million addresses takes over 100 MB, this one 64 at most.
 * It keeps 128 bits of SHA-256; that two of a million addresses meet there is less likely than a bit flipping in memory.
 */
export function seenSet(): { add(text: string): boolean } {
  let slots = FIRST_SLOTS;
  let table = new Uint32Array(slots * WORDS);
  let size = 0;

  return {
    /** `true` where the text is new. */
    add(text) {
      if (size >= slots * FULLEST) grow();
      const digest = createHash('sha256').update(text).digest();
      const words = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at));
      const added = insert(table, slots, words);
      if (added) size++;
      return added;
    },
  };

  function grow(): void {
    const old = table;
    slots *= 2;
    table = new Uint32Array(slots * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      const words = old.subarray(at, at + WORDS);
      if (words.some((word) => word !== 0)) insert(table, slots, words);
    }
  }
}

/** An empty slot is all zeros, which no digest is. */
function insert(table: Uint32Array, slots: number, words: ArrayLike<number>): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = Array.from(words);
  for (let slot = a % slots; ; slot = (slot + 1) % slots) {
    const at = slot * WORDS;
    if (table[at] === a && table[at + 1] === b && table[at + 2] === c && table[at + 3] === d) return false;
    if (table[at] === 0 && table[at + 1] === 0 && table[at + 2] === 0 && table[at + 3] === 0) {
      table.set([a, b, c, d], at);
      return true;
    }
  }
}
