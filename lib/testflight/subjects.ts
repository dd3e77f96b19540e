import { PermanentError } from '../errors';
import { sha256 } from '../jobs/envelope';
import { subjectKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import { ROW_LIFETIME_MS } from '../jobs/schedule';
import type { Item } from '../ports';
import type { Job } from '../worker/contract';
import { TESTFLIGHT_QUEUE } from './message';

/** The latest job about one tester of one app that has had its effect. */
interface Subject extends Item {
  job: string;
  /** When that job was accepted. */
  time: number;
}

/** Who is asked for in a job: an address and an app. */
type About = Job<{ app: string; email: string }>;

/**
 * Remembers which job about a tester was the latest to have its effect. Order in the queue ends with a parked job: an
 * invitation that comes back from the dead-letter queue must not undo a removal that was asked for after it.
 */
export interface Subjects {
  /** Throws a PermanentError (`Superseded`) where a parked job comes back after a later one about its tester. */
  refuseSuperseded(job: About): Promise<void>;
  /** This job is about to end well. */
  finished(job: About): Promise<void>;
}

export function createSubjects(deps: ItemDeps): Subjects {
  return {
    refuseSuperseded: async (job) => {
      if (job.row.opened === 1) return;
      const latest = (await readItem(deps, keyOf(job))) as Subject | undefined;
      if (latest && latest.job !== job.id && latest.time > job.row.time)
        throw new PermanentError({
          code: 'Superseded',
          message: 'a later job about this tester has ended: send a new one if this is still wanted',
        });
    },
    finished: async (job) => {
      const key = keyOf(job);
      await updateItem<Subject>(deps, key, (stored) => {
        if (stored && stored.time >= job.row.time) return undefined;
        const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1000);
        return { key, version: 0, writer: '', job: job.id, time: job.row.time, expiresAt };
      });
    },
  };
}

/** A hash, because keys are seen where addresses may not be. */
const keyOf = ({ data: { app, email } }: About): string =>
  subjectKey(TESTFLIGHT_QUEUE, sha256(`${app}:${email.toLowerCase()}`).slice(0, 32));
