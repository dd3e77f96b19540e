import { aPlan } from '../../draw/plan';
import type { SourceMutant } from '../source-mutant';

const HOURS = 'lib/analytics/hours.ts';
const KEYS = 'lib/analytics/keys.ts';
const PROCESS = 'lib/analytics/process.ts';

const by = { scale: 'hours' };
const byPlan = { plan: { queue: 'analytics', jobs: aPlan().jobs } };

/** Faults by which events are lost or shown twice. */
export const HOUR_MUTANTS: Record<string, SourceMutant> = {
  lateMessagesLeaveNothing: {
    changes: [{ file: KEYS, find: 'LATE_AFTER_MS = 10 * 60_000', replace: 'LATE_AFTER_MS = 200 * 24 * HOUR_MS' }],
    breaks: /^nothing lost/,
    by,
  },
  messagesAreLateTooLate: {
    changes: [{ file: KEYS, find: 'LATE_AFTER_MS = 10 * 60_000', replace: 'LATE_AFTER_MS = 45 * 60_000' }],
    breaks: /^nothing lost/,
    by,
  },
  hoursAreWrittenTooEarly: {
    changes: [{ file: KEYS, find: 'SETTLE_MS = 15 * 60_000', replace: 'SETTLE_MS = 0' }],
    breaks: /^nothing lost/,
    by,
  },
  partsAreWrittenAnew: {
    changes: [{ file: HOURS, find: 'stored ? await fromParquet(stored.bytes) : []', replace: '[]' }],
    breaks: /^never fewer/,
    by,
  },
  objectsAreNamedByTheDelivery: {
    changes: [{ file: PROCESS, find: 'id: envelope.id };', replace: 'id: envelope.id + now() };' }],
    breaks: /^nothing lost: .* has no row/,
    by: byPlan,
  },
  rejectedEventsAreDropped: {
    changes: [{ file: PROCESS, find: 'if (rejected) await', replace: 'if (rejected && now() === 0) await' }],
    breaks: /^nothing lost: .* has no row/,
    by: byPlan,
  },
  failedHoursAreForgotten: {
    changes: [
      { file: HOURS, find: '    tried.add(hour);\n', replace: '    tried.add(hour);\n    pending.delete(hour);\n' },
    ],
    breaks: /^nothing lost/,
    by,
  },
  idsAreKeptTwice: {
    changes: [{ file: HOURS, find: 'byId.set(row.id, row)', replace: 'byId.set(row.id + row.job, row)' }],
    breaks: /^once/,
    by,
  },
  lateHoursAreNotWrittenAgain: {
    changes: [{ file: HOURS, find: 'for (const hour of [next, ...late])', replace: 'for (const hour of [next])' }],
    breaks: /^nothing lost/,
    by,
  },
};
