import { type ItemDeps, readItem, updateItem } from '../jobs/items';
import { FEEDBACK_QUEUE, subjectKey } from '../jobs/keys';
import type { HashPeople } from '../jobs/person-hash';
import type { Item } from '../ports';

const HOUR_MS = 60 * 60_000;
const MOST_AN_HOUR = 3;

/** The jobs that mailed one address in the last hour, with the times of their first tries, ms. */
interface Mailed extends Item {
  jobs: Record<string, number>;
}

/** Whether the confirmation of this job may be sent. A repeat of a job gets the same answer. */
export type MayConfirm = (job: { id: string; email: string }) => Promise<boolean>;

/** Lets at most three jobs an hour mail one address, because unknown callers may give any. Keys show no address. */
export function mailLimit(deps: ItemDeps & { hashPeople: HashPeople }): MayConfirm {
  return async ({ id, email }) => {
    const [written, ...earlier] = (await deps.hashPeople())(`mailed:${mailboxOf(email)}`);
    const before = (await Promise.all(earlier.map((hash) => readItem(deps, keyOf(hash))))) as (Mailed | undefined)[];
    const mailedBefore = before.flatMap((stored) => Object.entries(stored?.jobs ?? {}));
    if (mailedBefore.some(([job]) => job === id)) return true;
    const key = keyOf(written);
    const { item } = await updateItem<Mailed>(deps, key, (stored) => {
      const now = deps.clock.now();
      const isRecent = ([, at]: [string, number]) => at > now - HOUR_MS;
      const recent = Object.entries(stored?.jobs ?? {}).filter(isRecent);
      const count = recent.length + mailedBefore.filter(isRecent).length;
      if (count >= MOST_AN_HOUR || recent.some(([job]) => job === id)) return undefined;
      const jobs = { ...Object.fromEntries(recent), [id]: now };
      return { key, version: 0, writer: '', jobs, expiresAt: Math.ceil((now + 2 * HOUR_MS) / 1000) };
    });
    return item !== undefined && Object.hasOwn(item.jobs, id);
  };
}

/** Most providers deliver `user+anything` to `user`, so a caller could write endless such addresses of one person. */
const mailboxOf = (email: string): string => email.toLowerCase().replace(/\+[^@]*@/, '@');

const keyOf = (hash: string): string => subjectKey(FEEDBACK_QUEUE, hash);
