import { AmbiguousError, TransientError } from '../../../lib/errors';
import { recordKey, todoKey } from '../../../lib/jobs/keys';
import { ATTRIBUTE } from '../../../lib/jobs/park';
import { recordOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import { rowOf } from '../../../lib/jobs/stored-row';
import { VENDOR_SECRET } from '../vendors/vendors';
import { serviceQueue } from '../world/names';
import type { Mutant } from '../world/types';
import { isJob, withTable } from './mutant';

/** Every run starts without a stored row, and all its writes succeed. */
export const ledgerOff = withTable((table) => ({
  get: async (key) => {
    const item = await table.get(key);
    return isJob(item) ? undefined : item;
  },
  put: async (item) => table.put(item, (await table.get(item.key))?.version ?? 0),
}));

/** Workers ignore the leases of others. */
export const noLease = withTable((table) => ({
  get: async (key) => {
    const item = await table.get(key);
    return isJob(item) && item.lease ? { ...item, lease: { ...item.lease, until: 0 } } : item;
  },
}));

const SIX_HOURS_MS = 6 * 3_600_000;

/** A lease outlives its function by hours, so the job of a killed run waits in vain. */
export const longLease = withTable((table) => ({
  put: (item, expected) =>
    table.put(
      isJob(item) && item.lease ? { ...item, lease: { ...item.lease, until: item.lease.until + SIX_HOURS_MS } } : item,
      expected,
    ),
}));

/** The worker reports a parked job's message as failed, so it blocks its group. */
export const parkWithoutAcknowledge: Mutant = {
  answer: ({ batchItemFailures }, { Records }, { watch }) => {
    const parked = Records.filter(({ messageId }) => watch.rows().some(({ parkedFrom }) => parkedFrom === messageId));
    return {
      batchItemFailures: [...batchItemFailures, ...parked.map(({ messageId }) => ({ itemIdentifier: messageId }))],
    };
  },
};

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

/** The worker treats a mail that may have been sent as unsent. */
export const retryOfAmbiguousSend: Mutant = {
  sendgrid: (error) =>
    error instanceof AmbiguousError
      ? new TransientError({ code: error.code, message: error.message, vendor: 'sendgrid' })
      : error,
};

/** The worker changes the visibility of the batch's first message instead of the failed one. */
export const visibilityOfWrongMessage: Mutant = {
  ports: (ports, { event }) => ({
    ...ports,
    queues: {
      ...ports.queues,
      changeVisibility: (url, handle, seconds) =>
        ports.queues.changeVisibility(url, event?.Records[0]?.receiptHandle ?? handle, seconds),
    },
  }),
};

/** The worker stops at the first failed message, even for other groups. */
export const stopAtFirstFailure: Mutant = {
  handler: async (handle, { Records }) => {
    for (const [index, record] of Records.entries()) {
      const { batchItemFailures } = await handle({ Records: [record] });
      if (batchItemFailures.length > 0)
        return { batchItemFailures: Records.slice(index).map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
    return { batchItemFailures: [] };
  },
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
