import { hash } from 'node:crypto';

const FIRST_SLOTS = 4096;
/** Open addressing gets slow above this load. */
const FULLEST = 0.6;

/**
 * Remembers which texts were seen, in about 16 bytes each. A Set of a million addresses takes over 100 MB. It keeps 64
 * bits of SHA-256: two of a million addresses collide once in forty million campaigns. An empty slot is 0, which no
 * digest is.
 */
export function seenSet(): { add(text: string): boolean } {
  // A full table stays beside the next one. A table that grows would need its memory twice meanwhile.
  const tables = [new BigUint64Array(FIRST_SLOTS)];
  let left = FIRST_SLOTS * FULLEST;

  return {
    /** `true` if the text is new. */
    add(text) {
      // Hash to text: a million hash objects and buffers would be garbage outside V8's heap, which V8 collects late.
      const hex = hash('sha256', text, 'hex');
      const digest = BigInt(`0x${hex.slice(0, 16)}`);
      const start = Number.parseInt(hex.slice(0, 8), 16);
      for (const table of tables) if (table[slotOf(table, { start, digest })] === digest) return false;
      if (left <= 0) {
        const slots = 2 * (tables.at(-1)?.length ?? 0);
        tables.push(new BigUint64Array(slots));
        left = slots * FULLEST;
      }
      const last = tables.at(-1) ?? new BigUint64Array();
      last[slotOf(last, { start, digest })] = digest;
      left -= 1;
      return true;
    },
  };
}

/** The slot that holds the digest, or the empty one for it. */
function slotOf(table: BigUint64Array, { start, digest }: { start: number; digest: bigint }): number {
  let at = start % table.length;
  while (table[at] !== 0n && table[at] !== digest) at = (at + 1) % table.length;
  return at;
}
