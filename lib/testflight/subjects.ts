import { PermanentError } from '../errors';
import { subjectKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import type { HashPeople } from '../jobs/person-hash';
import { wantedAt } from '../jobs/row';
import { ROW_LIFETIME_MS } from '../jobs/schedule';
import type { Item } from '../ports';
import type { Job } from '../worker/contract';
import { TESTFLIGHT_QUEUE } from './message';

/** The latest job about one tester of one app that took effect. */
interface Subject extends Item {
  job: string;
  /** When that job was accepted, or its planned time. */
  time: number;
}

/** A job about the tester with this address in this app. */
type About = Job<{ app: string; email: string }>;

/**
 * Remembers the latest job about a tester that took effect. A parked job loses its place in the queue's order. An
 * invitation that comes back from the DLQ must not undo a removal that was requested after it.
 */
export interface Subjects {
  /** Throws a PermanentError (`Superseded`) if a reopened job follows a later job about its tester. */
  refuseSuperseded(job: About): Promise<void>;
  /** Stores that this job took effect. */
  finished(job: About): Promise<void>;
}

export function createSubjects(deps: ItemDeps & { hashPeople: HashPeople }): Subjects {
  // An operator can start a planned job before its time.
  const placeOf = ({ row }: About): number => Math.min(wantedAt(row), Math.max(row.time, deps.clock.now()));
  /** The keys of the tester's item: a hash, because operators see keys and must not see addresses there. */
  const keysOf = async ({ data: { app, email } }: About) => {
    const [written, ...earlier] = (await deps.hashPeople())(`${app}:${email.toLowerCase()}`);
    return { written: keyOf(written), all: [written, ...earlier].map(keyOf) };
  };
  return {
    refuseSuperseded: async (job) => {
      if (job.row.generation === 1) return;
      const { all } = await keysOf(job);
      const latest = (await Promise.all(all.map((key) => readItem(deps, key)))) as (Subject | undefined)[];
      const place = placeOf(job);
      if (latest.some((subject) => subject && subject.job !== job.id && subject.time > place))
        throw new PermanentError({
          code: 'Superseded',
          message: 'a later job about this tester took effect first: send a new job if you still want this one',
        });
    },
    finished: async (job) => {
      const { written: key } = await keysOf(job);
      await updateItem<Subject>(deps, key, (stored) => {
        if (stored && stored.time >= placeOf(job)) return undefined;
        const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1000);
        return { key, version: 0, writer: '', job: job.id, time: placeOf(job), expiresAt };
      });
    },
  };
}

const keyOf = (hash: string): string => subjectKey(TESTFLIGHT_QUEUE, hash);
