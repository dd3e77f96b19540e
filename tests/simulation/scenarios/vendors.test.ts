import type { Plan } from '../draw/plan';
import { jobs, load, MINUTE_MS, many, scenario } from './scenario';

test.each<[string, Partial<Plan>]>([
  [
    'a 429 after which the bucket refuses the body',
    {
      calls: [
        { kind: 'sendgrid.send', nth: 1, fault: 'retry-after' },
        { kind: 'objects.put', nth: 1, fault: 'refused' },
      ],
    },
  ],
  [
    'a refusal after which the bucket refuses the body',
    {
      calls: [
        { kind: 'sendgrid.send', nth: 1, fault: 'disallowed' },
        { kind: 'objects.put', nth: 1, fault: 'refused' },
      ],
    },
  ],
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((nth): [string, Partial<Plan>] => [
    `a table that cannot be read from read ${nth} on`,
    { calls: [{ kind: 'table.get', nth, fault: 'refused', times: 3 }] },
  ]),
])('no mail that was never sent is unknown: %s', async (_what, plan) => {
  const { reached } = await scenario({ queue: 'emails', ...plan });

  expect(reached('step send unknown')).toBe(0);
});

test('jobs of all queues try a revoked key twice in total, and waiting jobs continue once the key works again', async () => {
  const { world, states, reached } = await scenario({
    jobs: many(3, 'good', (index) => ({ at: index * 10_000, group: index })),
    beside: [load('emails', 'good', ['good', { at: 5_000, group: 1 }]), load('testflight', 'good')],
    outages: [{ target: 'sendgrid', from: 0, until: 50_000, fault: 'unauthorized' }],
  });

  expect(reached('fault unauthorized at sendgrid.send')).toBeLessThanOrEqual(2);
  expect(reached('step confirmation skipped')).toBeGreaterThan(0);
  expect(states()).toEqual(['succeeded', 'succeeded', 'succeeded']);
  const [, mails, invitations] = world.lanes.map(({ watch }) => watch.rows());
  expect(mails?.map(({ state, holds }) => [state, holds > 0])).toEqual([
    ['succeeded', true],
    ['succeeded', true],
  ]);
  expect(invitations?.map(({ state }) => state)).toEqual(['succeeded']);
});

test('mails of an unknown sender are parked and stop no other mail', async () => {
  const { states, row, reached } = await scenario(
    {
      queue: 'emails',
      jobs: many(6, 'unverified', (index) => ({ at: index * 100, group: index })).concat(
        jobs(['good', { at: 1_000, group: 7 }]),
      ),
    },
    { restWithinMs: MINUTE_MS },
  );

  expect(states()).toEqual([...Array.from({ length: 6 }, () => 'dead (error)'), 'succeeded']);
  expect(row(0).error).toMatchObject({ code: 'SendgridRejected', status: 403, field: 'from' });
  expect(reached('state held(stopped)')).toBe(0);
});
