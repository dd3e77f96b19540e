import { TransientError } from '../../../lib/errors';
import { recordKey, todoKey } from '../../../lib/jobs/keys';
import { ATTRIBUTE } from '../../../lib/jobs/park';
import { recordOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import { rowOf } from '../../../lib/jobs/stored-row';
import { VENDOR_SECRET } from '../vendors/vendors';
import { serviceQueue } from '../world/names';
import type { Mutant } from '../world/types';
import { isJob, withTable } from './mutant';

/** All messages of a job have the job's id as deduplication id. */
export const jobIdAsDeduplicationId: Mutant = {
  ports: (ports) => ({
    ...ports,
    queues: {
      ...ports.queues,
      send: (url, message) => {
        const id = message.attributes?.[ATTRIBUTE.job];
        return ports.queues.send(url, id && message.deduplicationId ? { ...message, deduplicationId: id } : message);
      },
    },
  }),
};

/** The worker writes a job's record before its end. */
export const recordBeforeOutcome = withTable((table, { ports: { objects } }) => ({
  put: async (item, expected) => {
    if (isJob(item) && isEnd(item.state) && item.recordedAt === undefined)
      await objects.put(recordKey('jobs', item), recordOf(rowOf(item)), 'application/json');
    return table.put(item, expected);
  },
}));

/** The worker handles each batch in reverse order. */
export const lastFirst: Mutant = {
  handler: (handle, { Records }) => handle({ Records: Records.toReversed() }),
};

/** The worker reports every message of a batch as failed. */
export const neverAcknowledge: Mutant = {
  answer: (_answer, { Records }) => ({
    batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })),
  }),
};

/** The worker passes on what the vendor says. */
export const vendorsWords: Mutant = {
  sendgrid: (error) =>
    new TransientError({ code: error.code, message: `SendGrid said ${VENDOR_SECRET}`, vendor: 'sendgrid' }),
};

/** Once a circuit closes, the reconciler releases only the jobs of the first queue. */
export const otherQueuesForgotten = withTable((table, { world }) => ({
  due: async (todo, options) => {
    const others = world.lanes.slice(1).map(serviceQueue);
    return others.some((queue) => todo.startsWith(`${todoKey(queue, 'held')}#`)) ? [] : table.due(todo, options);
  },
}));
