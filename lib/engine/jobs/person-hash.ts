import { createHmac } from 'node:crypto';
import { StoreError } from '../../platform/errors';
import type { Clock, Secret } from '../../platform/ports';
import { secretIn } from '../../platform/text';
import { mailboxOf } from './address';

/** The hashes of a text that names a person. During a change of the key, stored data may have the second. */
export type PersonHashes = (text: string) => readonly [written: string, ...earlier: string[]];

/** Rejects with a StoreError if the key cannot be read. */
export type HashPeople = () => Promise<PersonHashes>;

/** The text whose hash is the `person` of a job about this address. */
export const personOf = (email: string): string => `person:${mailboxOf(email)}`;

/** The text whose hash is the `salt` of a job. */
export const saltOf = (queue: string, id: string): string => `payload:${queue}:${id}`;

const LENGTH = 32;
const MOST_KEYS = 2;
const SHORTEST_KEY = 32;
/** A process reads the key again after this time, so that an operator can change it without restarts. */
const KNOWN_MS = 5 * 60_000;

/** What a text is about is the word before its first colon, such as `owner`. */
const PURPOSE = /^[a-z]+(?=:)/;

const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('hex');

/** HMAC-SHA-256 with each key, or with its key for the purpose: who may make groups can make no owner. */
export const hashesWith =
  ([first, ...others]: readonly [string, ...string[]]): PersonHashes =>
  (text) => {
    const [purpose] = PURPOSE.exec(text) ?? [];
    const hash = (key: string) => hmac(purpose === undefined ? key : hmac(key, purpose), text).slice(0, LENGTH);
    return [hash(first), ...others.map(hash)];
  };

/** The hashes of an instance. `key` is its secret: one key, or the new and the old one during a change. */
export function personHashes(key: Secret, clock: Pick<Clock, 'now'>): HashPeople {
  let latest: { at: number; hashes: Promise<PersonHashes> } | undefined;
  return () => {
    const before = latest;
    if (before && clock.now() - before.at < KNOWN_MS) return before.hashes;
    const read = key({ fresh: true }).then((text) => hashesWith(keysIn(text)));
    const hashes = before ? read.catch(() => before.hashes) : read;
    const current = { at: clock.now(), hashes };
    latest = current;
    hashes.catch(() => {
      if (latest === current) latest = undefined;
    });
    return hashes;
  };
}

function keysIn(text: string): [string, ...string[]] {
  const [first = '', ...others] = (secretIn(text) ?? '').split(',');
  if (others.length >= MOST_KEYS || [first, ...others].some((key) => key.length < SHORTEST_KEY))
    throw new StoreError({
      code: 'HashKeyInvalid',
      message: `the key of the hashes must hold one or ${MOST_KEYS} keys of at least ${SHORTEST_KEY} characters, separated by a comma`,
    });
  return [first, ...others];
}
