import { TransientError } from '../../../lib/errors';
import { recordKey, todoKey } from '../../../lib/jobs/keys';
import { ATTRIBUTE } from '../../../lib/jobs/park';
import { recordOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import { rowOf } from '../../../lib/jobs/stored-row';
import { HOUR_MS, jobs, load, MINUTE_MS } from '../scenarios/scenario';
import { VENDOR_SECRET } from '../vendors/vendors';
import { serviceQueue } from '../world/names';
import { isJob, withTable } from './mutant';
import { describeMutants } from './mutant-cases';

describeMutants({
  // All messages of a job have the job's id as deduplication id.
  jobIdAsDeduplicationId: {
    mutant: {
      ports: (ports) => ({
        ...ports,
        queues: {
          ...ports.queues,
          send: (url, message) => {
            const id = message.attributes?.[ATTRIBUTE.job];
            return ports.queues.send(
              url,
              id && message.deduplicationId ? { ...message, deduplicationId: id } : message,
            );
          },
        },
      }),
    },
    plan: { jobs: jobs('refused'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
    breaks: /^nothing lost: .* was redriven, but never ran/,
  },
  // The worker writes a job's record before its end.
  recordBeforeOutcome: {
    mutant: withTable((table, { ports: { objects } }) => ({
      put: async (item, expected) => {
        if (isJob(item) && isEnd(item.state) && item.recordedAt === undefined)
          await objects.put(recordKey('jobs', item), recordOf(rowOf(item)), 'application/json');
        return table.put(item, expected);
      },
    })),
    plan: {},
    breaks: /^nothing lost: a record says succeeded/,
  },
  // The worker handles each batch in reverse order.
  lastFirst: {
    mutant: {
      handler: (handle, { Records }) => handle({ Records: Records.toReversed() }),
    },
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs('good', ['good', { at: 100 }]),
    },
    breaks: /^order kept/,
  },
  // The worker reports every message of a batch as failed.
  neverAcknowledge: {
    mutant: {
      answer: (_answer, { Records }) => ({
        batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })),
      }),
    },
    plan: { queue: 'bulk', batch: 10 },
    breaks: /^no bystanders: with failures alone/,
  },
  // The worker passes on what the vendor says.
  vendorsWords: {
    mutant: {
      sendgrid: (error) =>
        new TransientError({ code: error.code, message: `SendGrid said ${VENDOR_SECRET}`, vendor: 'sendgrid' }),
    },
    plan: { queue: 'emails', outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'refused' }] },
    breaks: /^everything private stays in/,
  },
  // Once a circuit closes, the reconciler releases only the jobs of the first queue.
  otherQueuesForgotten: {
    mutant: withTable((table, { world }) => ({
      due: async (todo, options) => {
        const others = world.lanes.slice(1).map(serviceQueue);
        return others.some((queue) => todo.startsWith(`${todoKey(queue, 'held')}#`)) ? [] : table.due(todo, options);
      },
    })),
    plan: {
      beside: [load('emails', 'good')],
      outages: [{ target: 'sendgrid', from: 0, until: 20 * MINUTE_MS, fault: 'unauthorized' }],
    },
    breaks: /^liveness: .* is held \(stopped\)/,
  },
});
