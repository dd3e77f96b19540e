import { LONGEST_CALL_MS } from '../../../lib/worker/contract';
import { instanceNames, readInstance } from '../../../resources/instances/read';

const row = (instance: string, queue: string) => {
  const found = readInstance(instance).known[queue];
  if (!found) throw new Error(`no queue ${queue}`);
  return found;
};
const queues = readInstance('mht-api').rows.map(({ name }) => name);

test.each(queues)('staging delivers a failed message of the %s queue again earlier than production', (queue) => {
  expect(row('mht-api-staging', queue).visibility).toBeLessThan(row('mht-api', queue).visibility);
});

test('staging waits less between attempts, and its alarms about DLQs, held jobs, age and dead jobs go off earlier', () => {
  const [staging, prod] = ['mht-api-staging', 'mht-api'].map((name) => readInstance(name));

  for (const wait of ['store', 'confirmation', 'notification'] as const)
    expect(staging?.waits[wait]).toBeLessThan(prod?.waits[wait] ?? 0);
  for (const limit of ['dlqDepth', 'held', 'age', 'errorRateJobs'] as const)
    expect(staging?.alarms[limit]).toBeLessThan(prod?.alarms[limit] ?? 0);
});

/** SendGrid takes up to 30 s for a chunk (lib/emails/send.ts). */
const LONGEST_CALLS_MS: Record<string, number> = { emails: 30_000 };

test.each(instanceNames().filter((name) => name !== 'local'))(
  'the workers of %s have the time for the longest call to a vendor',
  (name) => {
    // A worker starts nothing in the last tenth of its time-out, at most 5 s.
    for (const { name: queue, timeout } of readInstance(name).rows)
      expect(timeout * 900).toBeGreaterThan(LONGEST_CALLS_MS[queue] ?? LONGEST_CALL_MS);
  },
);
