import { HOUR_MS, jobs, load, MINUTE_MS } from '../../scenarios/scenario';
import { MARK } from '../../world/watch';
import type { SourceMutant } from '../source-mutant';

const BATCH = 'lib/worker/batch.ts';

const ERASURES = [{ at: 0, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }];

/** Gross faults, by which each promise is seen to break. */
export const PROMISE_MUTANTS: Record<string, SourceMutant> = {
  jobIdAsDeduplicationId: {
    changes: [
      {
        file: 'lib/jobs/keys.ts',
        find: 'parked: ({ id, token = id, generation }: Sent & { generation: number }): string =>',
        replace: 'parked: ({ id, token = id, generation }: Sent & { generation: number }): string => id ||',
      },
    ],
    breaks: /^liveness: .* entries in the DLQ do not match/,
    by: { plan: { jobs: jobs('refused'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] } },
  },
  recordBeforeOutcome: {
    changes: [
      {
        file: 'lib/worker/close.ts',
        find: '  const closed = await lease.release((row) => {\n',
        replace: `  const { recordKey } = require('../jobs/keys');
            const { recordOf } = require('../jobs/record');
            const ended = end.kind === 'succeed' ? succeed(lease.row(), { ...run, ...end }) : undefined;
            if (ended) await deps.objects.put(recordKey(deps.prefix, ended), recordOf(ended), 'application/json');
            const closed = await lease.release((row) => {\n`,
      },
    ],
    breaks: /^nothing lost: a record says succeeded/,
    by: { plan: {} },
  },
  lastFirst: {
    changes: [
      { file: BATCH, find: 'event.Records.map(incoming)', replace: 'event.Records.toReversed().map(incoming)' },
    ],
    breaks: /^order kept/,
    by: {
      plan: {
        queue: 'bulk',
        batch: 10,
        unpolled: { from: 0, until: 1_000 },
        jobs: jobs('good', ['good', { at: 100 }]),
      },
    },
  },
  neverAcknowledge: {
    changes: [
      { file: BATCH, find: 'batchItemFailures: unfinished.map', replace: 'batchItemFailures: event.Records.map' },
    ],
    breaks: /^no bystanders: with failures alone/,
    by: { plan: { queue: 'bulk', batch: 10 } },
  },
  vendorsWords: {
    changes: [
      {
        file: 'lib/vendors/http.ts',
        find: 'return dialect.refined?.(refused, answer, effect) ?? refused;',
        replace:
          "return new PermanentError({ vendor: 'sendgrid', code: refused.code, message: JSON.stringify(error.answer.body) });",
      },
    ],
    breaks: /^everything private stays in/,
    by: { plan: { queue: 'campaigns', jobs: jobs('unsendable') } },
  },
  otherQueuesForgotten: {
    changes: [
      {
        file: 'lib/reconcile/release.ts',
        find: 'mapEach(deps.queueNames,',
        replace: 'mapEach(deps.queueNames.slice(0, 1),',
      },
    ],
    breaks: /^liveness: .* is held \(stopped\)/,
    by: {
      plan: {
        beside: [load('emails', 'good')],
        outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS / 3, fault: 'unauthorized' }],
      },
    },
  },
  bodyNotErased: {
    changes: [{ file: 'lib/ops/erase.ts', find: 'await objects.delete(bodyKey(prefix, queue, id));', replace: '' }],
    breaks: /^the erased are gone: jobs\/_bodies\/feedback\/.* still has/,
    by: { plan: { jobs: jobs('refused'), erasures: ERASURES } },
  },
  othersErased: {
    changes: [{ file: 'lib/ops/person.ts', find: 'hashes.includes(group),', replace: "group !== 'none'," }],
    breaks: /^the erased are gone: an erasure changed jobs\/feedback\/.*, which is not about the person/,
    by: { plan: { jobs: jobs(['good', { at: MINUTE_MS, group: 1 }]), erasures: ERASURES } },
  },
};
