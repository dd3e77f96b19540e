import { AmbiguousError, TransientError } from '../../../lib/errors';
import { recordKey, todoKey } from '../../../lib/jobs/keys';
import { ATTRIBUTE } from '../../../lib/jobs/park';
import { recordOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import { VENDOR_SECRET } from '../vendors/vendors';
import { serviceQueue } from '../world/names';
import { isJob, type Mutant, withTable } from './mutant';

/** Every run begins from nothing, and whatever it writes is taken. */
export const ledgerOff = withTable((table) => ({
  get: async (key) => {
    const item = await table.get(key);
    return isJob(item) ? undefined : item;
  },
  put: async (item) => table.put(item, (await table.get(item.key))?.version ?? 0),
}));

/** Nobody respects that a job is being run. */
export const noLease = withTable((table) => ({
  get: async (key) => {
    const item = await table.get(key);
    return isJob(item) && item.lease ? { ...item, lease: { ...item.lease, until: 0 } } : item;
  },
}));

const SIX_HOURS_MS = 6 * 3_600_000;

/** A lease that outlives its function by far, so that the job of a killed one waits for nothing. */
export const longLease = withTable((table) => ({
  put: (item, expected) =>
    table.put(
      isJob(item) && item.lease ? { ...item, lease: { ...item.lease, until: item.lease.until + SIX_HOURS_MS } } : item,
      expected,
    ),
}));

/** The message of a parked job is reported as failed, and stands in front of its group. */
export const parkWithoutAcknowledge: Mutant = {
  answer: ({ batchItemFailures }, { Records }, { watch }) => {
    const parked = Records.filter(({ messageId }) => watch.rows().some(({ parkedFrom }) => parkedFrom === messageId));
    return {
      batchItemFailures: [...batchItemFailures, ...parked.map(({ messageId }) => ({ itemIdentifier: messageId }))],
    };
  },
};

/** Whatever is sent for a job is sent under its id. */
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

/** A mail that may be out is taken for one that is not. */
export const retryOfAmbiguousSend: Mutant = {
  sendgrid: (error) =>
    error instanceof AmbiguousError
      ? new TransientError({ code: error.code, message: error.message, vendor: 'sendgrid' })
      : error,
};

/** The wait of a failed message is given to the first one of its batch. */
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

/** One message after another, and nothing behind the first that fails, whatever its group. */
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

/** The S3 record of an end before the end is written. */
export const recordBeforeOutcome = withTable((table, { ports: { objects } }) => ({
  put: async (item, expected) => {
    if (isJob(item) && isEnd(item.state) && item.recordedAt === undefined)
      await objects.put(recordKey('jobs', item), recordOf(item), 'application/json');
    return table.put(item, expected);
  },
}));

/** Of what comes in one batch, the last first. */
export const lastFirst: Mutant = {
  handler: (handle, { Records }) => handle({ Records: Records.toReversed() }),
};

/** Whatever was done of a batch, all of it comes again. */
export const neverAcknowledge: Mutant = {
  answer: (_answer, { Records }) => ({
    batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })),
  }),
};

/** What the vendor says is told on. */
export const vendorsWords: Mutant = {
  sendgrid: (error) =>
    new TransientError({ code: error.code, message: `SendGrid said ${VENDOR_SECRET}`, vendor: 'sendgrid' }),
};

/** Of what waits for a stopped vendor, the jobs of the first queue alone are released. */
export const otherQueuesForgotten = withTable((table, { world }) => ({
  due: async (todo, options) => {
    const others = world.lanes.slice(1).map(serviceQueue);
    return others.some((queue) => todo.startsWith(todoKey(queue, 'stopped'))) ? [] : table.due(todo, options);
  },
}));
