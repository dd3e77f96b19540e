import { v7 } from 'uuid';
import { auditKey, recordKey, verifiedKey } from '../../lib/engine/jobs/keys';
import { recordOf } from '../../lib/engine/jobs/record';
import type { JobRow } from '../../lib/engine/jobs/row';
import { auditNote } from '../../lib/operate/ops/operator';
import type { MetricQuery, Objects } from '../../lib/platform/ports';
import { acceptedRow } from './accepted-row';
import { jobId } from './engine';
import { inState } from './in-state';

const DAY_MS = 86_400_000;
const MONTHS = [
  ['2025-12', 8],
  ['2026-01', 10],
] as const;

/** The last month that is laid, as `sls report --month` takes it. */
export const [, [REPORT_MONTH]] = MONTHS;

/** The day on which Zendesk refused our calls. */
const OUTAGE = 14;
const ZENDESK = {
  class: 'stop' as const,
  code: 'ZendeskUnauthorized',
  message: 'zendesk refuses our calls',
  vendor: 'zendesk',
  status: 401,
};
const REJECTED = { ...ZENDESK, class: 'permanent' as const, code: 'ZendeskRejected', status: 422 };
const TYPES = { feedback: 'feedback.submitted.v1', emails: 'email.message.v1', testflight: 'testflight.invite.v1' };

/** Stores the records of two months with some jobs each day, an outage, dead jobs, and what operators did about them. */
export async function layMonths({ objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string }) {
  const put = (key: string, value: object | string) =>
    objects.put(key, typeof value === 'string' ? value : JSON.stringify(value), 'application/json');
  const audit = async (at: number, action: string, reason: string) => {
    const id = v7({ msecs: at });
    await put(auditKey(prefix, id), { id, at: new Date(at).toISOString(), action, reason });
    return auditNote(id);
  };
  let n = 0;
  for (const [month, perDay] of MONTHS)
    for (let day = 1; day <= 31; day++) {
      const midnight = Date.parse(`${month}-${String(day).padStart(2, '0')}`);
      const isOutage = month === REPORT_MONTH && day === OUTAGE;
      const noon = midnight + DAY_MS / 2;
      const note = isOutage ? await audit(noon, 'vendors try', 'the key was renewed') : '';
      const repaired = day === 22 ? await audit(noon, 'console jobs.retry', 'the form sends the field again') : '';
      await put(verifiedKey(prefix, `${month}-${String(day).padStart(2, '0')}`), {
        ...{ day: `${month}-${day}`, complete: true, checked: perDay + (day % 5), findings: {}, hidden: [] },
      });
      for (let job = 0; job < perDay + (day % 5); job++) {
        const queue = (['feedback', 'feedback', 'emails', 'testflight'] as const)[job % 4] ?? 'feedback';
        const time = midnight + (8 + job) * 3_600_000;
        const waits = isOutage && queue === 'feedback';
        const isRetried = day === 22 && job === 0;
        const isDead = day % 15 === 7 && job === 1;
        const history = [
          { at: time, event: 'accepted' },
          { at: time + 18 + ((7 * job) % 40), event: 'sent' },
          ...(waits ? [{ at: time + 2_000, event: 'held (stopped)', error: ZENDESK }] : []),
          ...(waits ? [{ at: noon, event: 'released', note }] : []),
          ...(isRetried ? [{ at: noon, event: 'reopened (operator)', note: repaired }] : []),
        ] as JobRow['history'];
        const took = waits ? (14 - job) * 600_000 : 900 + ((331 * (job + day)) % 2_600);
        const row = {
          ...acceptedRow(time, { id: jobId(++n), type: TYPES[queue], time: new Date(time).toISOString() }),
          ...{ queue, history, state: inState(isDead ? 'dead' : 'succeeded'), endedAt: time + took },
          ...{
            holds: waits ? 1 : 0,
            generation: isRetried ? 2 : 1,
            ...(isDead && { reason: 'error', error: REJECTED }),
          },
        } as JobRow;
        await put(recordKey(prefix, row), recordOf(row));
      }
    }
}

/** What CloudWatch has of each of these days: all canaries in time, analytics, and events of mails. */
export const monthMetrics = {
  series: async (queries: readonly MetricQuery[], { from, to }: { from: number; to: number }) =>
    queries.map(({ name }) => {
      const value = PER_DAY[name];
      const days = Array.from({ length: (to - from) / DAY_MS }, (_, day) => from + day * DAY_MS);
      return value === undefined ? [] : days.map((at) => ({ at, value }));
    }),
};

/** Analytics alone asks for `JobsSucceeded`. */
const PER_DAY: Record<string, number> = {
  Canary: 288,
  JobsSucceeded: 310,
  EventsAccepted: 41_300,
  EventsRejected: 12,
  EmailEvents: 9,
};
