import { hash } from 'node:crypto';

const FIRST_SLOTS = 4096;
/** Open addressing gets slow above this load. */
const FULLEST = 0.6;

/**
 * Remembers which texts were seen, in about 16 bytes each. A Set of a million addresses takes over 100 MB. It keeps 64
 * bits of SHA-256: two of a million addresses collide once in forty million campaigns.
 */
export function seenSet(): { add(text: string): boolean } {
  // A full table stays beside the next one. A table that grows would need its memory twice meanwhile.
  const tables = [emptyTable(FIRST_SLOTS)];

  return {
    /** `true` if the text is new. */
    add(text) {
      // Hash to text: a million hash objects and buffers would be garbage outside V8's heap, which V8 collects late.
      const digest = hash('sha256', text, 'hex');
      const high = Number.parseInt(digest.slice(0, 8), 16);
      const low = Number.parseInt(digest.slice(8, 16), 16);
      if (tables.some((table) => table.has(high, low))) return false;
      let last = tables.at(-1);
      if (last === undefined || last.full()) {
        last = emptyTable(2 * (last?.slots ?? FIRST_SLOTS));
        tables.push(last);
      }
      last.put(high, low);
      return true;
    },
  };
}

/** A hash table for pairs of 32 bits, by open addressing. An empty slot is all zeros, which no digest is. */
function emptyTable(slots: number) {
  const words = new Uint32Array(2 * slots);
  let size = 0;
  const slotOf = (high: number, low: number): number => {
    let at = 2 * (high % slots);
    while ((words[at] !== 0 || words[at + 1] !== 0) && (words[at] !== high || words[at + 1] !== low))
      at = (at + 2) % words.length;
    return at;
  };
  return {
    slots,
    full: () => size >= slots * FULLEST,
    has: (high: number, low: number): boolean => {
      const at = slotOf(high, low);
      return words[at] === high && words[at + 1] === low;
    },
    put: (high: number, low: number): void => {
      words.set([high, low], slotOf(high, low));
      size++;
    },
  };
}
