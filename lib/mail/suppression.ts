import * as z from 'zod';
import { mailboxOf } from '../engine/jobs/address';
import { type ItemDeps, readDue, renewable, type Stored, time, writeItem } from '../engine/jobs/items';
import { todoKey } from '../engine/jobs/keys';
import type { HashPeople, PersonHashes } from '../engine/jobs/person-hash';
import { ROW_LIFETIME_MS } from '../engine/jobs/schedule';
import { mapEach } from '../platform/concurrency';
import { StoreError } from '../platform/errors';
import { groupBy } from '../platform/group-by';
import type { Objects } from '../platform/ports';

/** Why an address gets no mail, the weightiest last. The list stores the place here, so add only at the end. */
export const SUPPRESSION_REASONS = ['unsubscribed', 'bounced', 'reported', 'erased'] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];
/** `group`: an unsubscribe group of SendGrid. The address gets no mail of that group. */
export type Suppressed = { email: string; group?: number | undefined; reason: SuppressionReason };

/** Whether a single mail goes to an address with this reason. No mail of a campaign does. */
export const GETS_SINGLE_MAILS: Record<SuppressionReason, boolean> = {
  unsubscribed: true,
  bounced: true,
  reported: true,
  erased: false,
};

const NOTE_REASONS = [...SUPPRESSION_REASONS, 'resubscribed'] as const;
type NoteReason = (typeof NOTE_REASONS)[number];

/**
 * What an event of SendGrid or a caller says about an address. Who must not write the list writes this, and the reconciler
 * folds it in. It stays afterwards, because a later note must not give way to an older one that comes late. Its key has
 * the hash of the address, which a damaged note keeps: its address gets no mails.
 */
const suppressionNotes = renewable(
  {
    /** The first entry of the list that it is about. */
    list: z.string().regex(/^\d*$/),
    reason: z.enum(NOTE_REASONS),
    /** Of the event, ms since 1970. */
    at: time,
  },
  { list: '', reason: 'unsubscribed', at: 0 },
);
type SuppressionNote = Stored<typeof suppressionNotes>;

const weightOf = (reason: NoteReason): number => (reason === 'resubscribed' ? 0 : SUPPRESSION_REASONS.indexOf(reason));

/** A subscription ends an older `unsubscribed` and nothing else. Of one moment, `unsubscribed` holds. */
const isStronger = (a: Pick<SuppressionNote, 'reason' | 'at'>, b: typeof a): boolean =>
  weightOf(a.reason) === weightOf(b.reason)
    ? a.at > b.at || (a.at === b.at && b.reason === 'resubscribed' && a.reason !== b.reason)
    : weightOf(a.reason) > weightOf(b.reason);

/** Without a time it is later than what is known. */
export type Noted = Omit<Suppressed, 'reason'> & { reason: NoteReason; at?: number };

type HashOf = (email: string, group?: number) => bigint;

/** An address has no spaces, so one with a group is another text. */
const hashWith =
  (hashes: PersonHashes): HashOf =>
  (email, group) =>
    BigInt(`0x${hashes(`${email.trim().toLowerCase()} ${group ?? ''}`.trimEnd())[0].slice(0, 16)}`) & ~REASON;

/** What is known about an address that gets no mail. `hash`: of the address, with the key of the list. */
export const suppressKey = (hash: string): string => `suppress#${hash}`;
const SUPPRESS = todoKey('mail', 'suppress');

/** The list of addresses that get no mail, as hashes. */
export const suppressedKey = (prefix: string): string => `${prefix}/_suppressed/emails`;

export const LIST_UNREADABLE = 'SuppressionListUnreadable';

/** The lowest bits of an entry hold its reason. */
const REASON = 7n;
const MOST_TRIES = 50;

export type SuppressionList = ReturnType<typeof suppressionList>;

type ListBucket = { objects: Pick<Objects, 'readChanged' | 'create' | 'replace'>; prefix: string };

/**
 * The instance's own list of addresses that get no mail: one object of sorted entries of 64 bits, 61 of a keyed hash
 * and 3 of the reason. A million recipients hit a wrong one of a million entries once in two million campaigns. The
 * first entry, the hash of the empty text, shows that the list has our key. Every method rejects with a StoreError,
 * LIST_UNREADABLE if the list is damaged or has another key.
 *
 * `hashPeople`: with the key of this list only, which never changes. To fold notes it is not needed.
 */
export function suppressionList({ hashPeople, ...bucket }: ListBucket & { hashPeople?: HashPeople }) {
  const { read, change } = storedList(bucket);

  const hashing = async (): Promise<HashOf> => {
    if (hashPeople) return hashWith(await hashPeople());
    throw new StoreError({ code: LIST_UNREADABLE, message: 'the key of the suppression list is missing' });
  };

  /**
   * Returns what tells why an address gets no mail, at all or of this group. One conditional read, so each answer has
   * all stored entries.
   */
  async function check(group?: number) {
    const hashOf = await hashing();
    return reasonsIn((await read(hashOf(''))).list, hashOf, group);
  }

  return {
    check,

    /** Why an address gets no mail, also by a note that is not in the list yet. */
    because: async (items: ItemDeps, email: string): Promise<SuppressionReason | undefined> => {
      const hash = (await hashing())(email);
      const listed = (await check())(email);
      const note = await suppressionNotes.read(items, suppressKey(String(hash)));
      if (!note?.todo || (listed && weightOf(listed) > weightOf(note.reason))) return listed;
      return note.reason === 'resubscribed' ? undefined : note.reason;
    },

    /** Notes what is known about an address at a time. A repeat changes nothing. */
    note: async (items: ItemDeps, noted: Noted): Promise<void> => writeNote(items, await hashing(), noted),

    /** Adds addresses. One that is listed keeps the weightier reason. */
    add: async (people: readonly Suppressed[]): Promise<number> => {
      const hashOf = await hashing();
      const entries = people.map(({ email, group, reason }) => entryOf(hashOf(email, group), reason));
      return change(hashOf(''), (list) => withEntries(list, entries));
    },

    /** Returns -1, or 0 if the address was not listed. */
    remove: async (email: string, group?: number): Promise<number> => {
      const hash = (await hashing())(email, group);
      const first = (await hashing())('');
      return change(first, (list) => list.filter((entry, place) => place === 0 || (entry & ~REASON) !== hash));
    },

    /** Writes what notes say into this list, once. */
    fold: async (list: string, notes: readonly SuppressionNote[]): Promise<void> => {
      await change(BigInt(list), folding(notes));
    },

    size: async (): Promise<number> => (await read((await hashing())(''))).list.length - 1,
  };
}

/** The object of the list. `first`: its first entry. */
function storedList({ objects, prefix }: ListBucket) {
  const key = suppressedKey(prefix);
  let known: { etag: string; list: BigUint64Array } | undefined;

  async function read(first: bigint) {
    const found = await objects.readChanged(key, known?.etag ?? '');
    if (found !== 'unchanged') known = found && { etag: found.etag, list: listIn(found.bytes) };
    const list = known?.list ?? BigUint64Array.of(first);
    if (list[0] === first) return { list, etag: known?.etag };
    throw new StoreError({ code: LIST_UNREADABLE, message: 'the suppression list is damaged or has another key' });
  }

  /** Two writers never lose a change. Returns by how many entries the list has grown. */
  async function change(first: bigint, next: (list: BigUint64Array) => BigUint64Array) {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { list, etag } = await read(first);
      const changed = next(list);
      if (changed.length === list.length && changed.every((entry, place) => entry === list[place])) return 0;
      const object = [key, new Uint8Array(changed.buffer), 'application/octet-stream'] as const;
      const answer = await (etag === undefined ? objects.create(...object) : objects.replace(...object, etag));
      if (answer === 'created' || answer === 'replaced') return changed.length - list.length;
    }
    throw new StoreError({ code: 'SuppressionListBusy', message: 'others change the suppression list all the time' });
  }

  return { read, change };
}

function reasonsIn(list: BigUint64Array, hashOf: HashOf, group?: number) {
  const reasonOf = (email: string, of?: number): SuppressionReason | undefined => {
    const hash = hashOf(email, of);
    const entry = list[placeOf(list, hash)] ?? 0n;
    return (entry & ~REASON) === hash ? SUPPRESSION_REASONS[Number(entry & REASON)] : undefined;
  };
  // A person is erased with every address of the mailbox.
  const isErased = (email: string) => email.includes('+') && reasonOf(mailboxOf(email)) === 'erased';
  return (email: string): SuppressionReason | undefined =>
    reasonOf(email) ??
    (isErased(email) ? 'erased' : undefined) ??
    (group === undefined ? group : reasonOf(email, group));
}

async function writeNote(items: ItemDeps, hashOf: HashOf, { email, group, reason, at }: Noted): Promise<void> {
  const key = suppressKey(String(hashOf(email, group)));
  const todoAt = items.clock.now();
  await suppressionNotes.update(items, key, (stored) => {
    const said = { reason, at: at ?? Math.max(todoAt, (stored?.at ?? 0) + 1) };
    if (stored && !isStronger(said, stored)) return undefined;
    const about = { key, list: String(hashOf('')), ...said };
    const expiresAt = Math.ceil((todoAt + ROW_LIFETIME_MS) / 1000);
    return { version: 0, writer: '', ...stored, ...about, todo: SUPPRESS, todoAt, expiresAt };
  });
}

/** What notes change in a list. */
function folding(notes: readonly SuppressionNote[]) {
  const ended = new Set<bigint>();
  const added: bigint[] = [];
  for (const { key, reason } of notes) {
    const entry = entryOf(BigInt(key.slice(suppressKey('').length)), reason);
    if (reason === 'resubscribed') ended.add(entry);
    else added.push(entry);
  }
  const isKept = (one: bigint) => !ended.has(one);
  return (list: BigUint64Array) => withEntries(list.filter(isKept), added);
}

/** Notes of one fold. The next one reads the others. */
const MOST_NOTES = 5_000;
const AT_ONCE = 32;

/** Folds what was noted since the last time into the list. */
export async function foldSuppressed(
  deps: ItemDeps,
  suppression: SuppressionList,
  mayGoOn: () => boolean,
): Promise<void> {
  const notes = await readDue(deps, suppressionNotes, { todo: SUPPRESS, mayGoOn, most: MOST_NOTES });
  // A damaged note waits for one that names the list.
  const some = notes.find(({ list }) => list !== '')?.list ?? '';
  for (const [list, group] of groupBy(notes, (note) => note.list || some)) {
    if (list === '') continue;
    await suppression.fold(list, group);
    // A note that was written meanwhile stays due.
    await mapEach(group, AT_ONCE, ({ todo: _todo, todoAt: _at, ...note }) => writeItem(deps, note, note.version));
  }
}

/** A subscription has the entry that it ends. */
const entryOf = (hash: bigint, reason: NoteReason): bigint => hash | BigInt(weightOf(reason));

function withEntries(list: BigUint64Array, entries: readonly bigint[]): BigUint64Array {
  const all = new BigUint64Array(list.length + entries.length);
  all.set(list);
  all.set(entries, list.length);
  all.subarray(1).sort();
  return all.filter((entry, place) => place === 0 || ((all[place + 1] ?? 0n) & ~REASON) !== (entry & ~REASON));
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
