import { jobId } from '../../support/engine';
import { startSample } from './sample';
import type { ScalePlan } from './service';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const FIRST = 1;

/**
 * A DLQ with one untried message before all parked entries and one after them. The reconciler returns the first
 * in its first run, and the other after a walk through the whole DLQ.
 */
export const largeDlq: ScalePlan = {
  name: 'large-dlq',
  what: 'parked entries in a DLQ, and two untried messages',
  size: 8_000,
  largest: 30_000,
  async run(size) {
    const ms = size > 20_000 ? 10 : 50;
    const done = new Set<string>();
    const sample = startSample(({ id }) => void done.add(id), { costs: { table: ms, objects: ms, queues: ms } });
    const now = sample.now();
    const time = now - HOUR_MS;
    sample.untried(FIRST, time);
    for (let n = 2; n < size; n++) await sample.park(n, time);
    sample.untried(size, time);
    const late = () => !done.has(jobId(FIRST)) && sample.now() > now + 3 * MINUTE_MS;
    return sample.run({
      done: () => (late() ? 'liveness: the first run did not return the message in front' : done.size === 2),
      withinMs: (size > 20_000 ? 30 : 20) * MINUTE_MS,
    });
  },
};

/** A DLQ that lacks one entry and has one untried message, so that its count matches the table by chance. */
export const dlqByChance: ScalePlan = {
  name: 'dlq-by-chance',
  what: 'parked entries, one lost and one untried, with a reconciler run every five minutes',
  size: 50,
  largest: 1_000,
  async run(size) {
    let done = false;
    const request = () => {
      done = true;
    };
    const sample = startSample(request, { everyMs: 5 * MINUTE_MS });
    const { sqs, dlq } = sample;
    const time = sample.now() - HOUR_MS;
    for (let n = 1; n <= size; n++) await sample.park(n, time);
    sample.after(2 * MINUTE_MS, () => {
      const { Messages: [lost] = [] } = sqs.receiveMessage({ QueueUrl: dlq });
      sqs.deleteMessage({ QueueUrl: dlq, ReceiptHandle: lost?.ReceiptHandle });
      sample.untried(size + 1, time);
    });
    return sample.run({ done: () => done, withinMs: 30 * MINUTE_MS });
  },
};
