import { StoreError } from '../errors';
import { mailboxOf } from '../jobs/address';
import { suppressedKey } from '../jobs/keys';
import type { HashPeople } from '../jobs/person-hash';
import type { Objects } from '../ports';

/** Why an address gets no mail, the weightiest last. The list stores the place here, so add only at the end. */
export const SUPPRESSION_REASONS = ['unsubscribed', 'bounced', 'reported', 'erased'] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];
export type Suppressed = { email: string; reason: SuppressionReason };

export const LIST_UNREADABLE = 'SuppressionListUnreadable';

/** The lowest bits of an entry hold its reason. */
const REASON = 7n;
const MOST_TRIES = 50;

export type SuppressionList = ReturnType<typeof suppressionList>;

/**
 * The instance's own list of addresses that get no mail: one object of sorted entries of 64 bits, 61 of a keyed hash
 * and 3 of the reason. A million recipients hit a wrong one of a million entries once in two million campaigns. The
 * first entry, the hash of the empty text, shows that the list has our key. Every method rejects with a StoreError,
 * LIST_UNREADABLE if the list is damaged or has another key.
 */
export function suppressionList(deps: {
  objects: Pick<Objects, 'readChanged' | 'create' | 'replace'>;
  prefix: string;
  /** With the key of this list only, which never changes. */
  hashPeople: HashPeople;
}) {
  const { objects, hashPeople } = deps;
  const key = suppressedKey(deps.prefix);
  let known: { etag: string; list: BigUint64Array } | undefined;

  async function read() {
    const [hashes, found] = await Promise.all([hashPeople(), objects.readChanged(key, known?.etag ?? '')]);
    const hashOf = (email: string) => BigInt(`0x${hashes(email.trim().toLowerCase())[0].slice(0, 16)}`) & ~REASON;
    if (found !== 'unchanged') known = found && { etag: found.etag, list: listIn(found.bytes) };
    const list = known?.list ?? BigUint64Array.of(hashOf(''));
    if (list[0] === hashOf('')) return { hashOf, list, etag: known?.etag };
    throw new StoreError({ code: LIST_UNREADABLE, message: 'the suppression list is damaged or has another key' });
  }

  /** Two writers never lose a change. Returns by how many entries the list has grown. */
  async function change(next: (list: BigUint64Array, hashOf: (email: string) => bigint) => BigUint64Array) {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { hashOf, list, etag } = await read();
      const changed = next(list, hashOf);
      if (changed.length === list.length && changed.every((entry, place) => entry === list[place])) return 0;
      const object = [key, new Uint8Array(changed.buffer), 'application/octet-stream'] as const;
      const answer = await (etag === undefined ? objects.create(...object) : objects.replace(...object, etag));
      if (answer === 'created' || answer === 'replaced') return changed.length - list.length;
    }
    throw new StoreError({ code: 'SuppressionListBusy', message: 'others change the suppression list all the time' });
  }

  return {
    /** Returns what tells why an address gets no mail. One conditional read, so each answer has all stored entries. */
    check: async (): Promise<(email: string) => SuppressionReason | undefined> => {
      const { hashOf, list } = await read();
      const reasonOf = (email: string): SuppressionReason | undefined => {
        const hash = hashOf(email);
        const entry = list[placeOf(list, hash)] ?? 0n;
        return (entry & ~REASON) === hash ? SUPPRESSION_REASONS[Number(entry & REASON)] : undefined;
      };
      // A person is erased with every address of the mailbox.
      const isErased = (email: string) => email.includes('+') && reasonOf(mailboxOf(email)) === 'erased';
      return (email) => reasonOf(email) ?? (isErased(email) ? 'erased' : undefined);
    },

    /** Adds addresses. One that is listed keeps the weightier reason. */
    add: (people: readonly Suppressed[]): Promise<number> =>
      change((list, hashOf) => {
        const all = new BigUint64Array(list.length + people.length);
        all.set(list);
        all.set(
          people.map(({ email, reason }) => hashOf(email) | BigInt(SUPPRESSION_REASONS.indexOf(reason))),
          list.length,
        );
        all.subarray(1).sort();
        return all.filter((entry, place) => place === 0 || ((all[place + 1] ?? 0n) & ~REASON) !== (entry & ~REASON));
      }),

    /** Returns -1, or 0 if the address was not listed. */
    remove: (email: string): Promise<number> =>
      change((list, hashOf) => list.filter((entry, place) => place === 0 || (entry & ~REASON) !== hashOf(email))),

    size: async (): Promise<number> => (await read()).list.length - 1,
  };
}

/** An object that is no list becomes an empty one, without a first entry. */
const listIn = (bytes: Uint8Array): BigUint64Array =>
  new BigUint64Array(bytes.length % 8 === 0 ? bytes.slice().buffer : []);

/** The place of the first entry from this hash on. */
function placeOf(list: BigUint64Array, hash: bigint): number {
  let [low, high] = [1, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0n) < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}
