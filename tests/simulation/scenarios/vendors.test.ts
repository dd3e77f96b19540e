import type { Plan } from '../draw/plan';
import { DAY_MS, HOUR_MS, jobs, load, MINUTE_MS, many, scenario } from './scenario';

test("one job's 403 parks that job and stops no other job", async () => {
  const { states, row } = await scenario(
    { jobs: jobs(['forbidden', { group: 1 }], ['good', { group: 2 }], ['good', { at: 5_000, group: 3 }]) },
    { restWithinMs: MINUTE_MS },
  );

  expect(states()).toEqual(['dead (error)', 'succeeded', 'succeeded']);
  expect(row(0).error?.code).toBe('Forbidden');
});

test('a key that lost its scope parks at most one job; the others are held and succeed once the key works again', async () => {
  const { states, reached } = await scenario({
    jobs: many(6, 'good', (index) => ({ at: index * 10_000, group: index })),
    outages: [{ target: 'zendesk', from: 0, until: 2 * HOUR_MS, fault: 'forbidden' }],
  });

  expect(reached('state held(stopped)')).toBeGreaterThan(0);
  expect(states().filter((state) => state === 'dead (error)').length).toBeLessThanOrEqual(1);
  expect(states().filter((state) => state === 'succeeded').length).toBeGreaterThanOrEqual(5);
});

test('refused credentials open the circuit, and no job is lost', async () => {
  const { states, reached } = await scenario({
    jobs: many(4, 'good', (index) => ({ at: index * 10_000, group: index })),
    outages: [{ target: 'zendesk', from: 0, until: 3 * HOUR_MS, fault: 'unauthorized' }],
  });

  expect(reached('state held(stopped)')).toBeGreaterThan(0);
  expect(new Set(states())).toEqual(new Set(['succeeded']));
});

test.each([
  ['refused', DAY_MS],
  ['failed', 5 * HOUR_MS],
  ['mute', 5 * HOUR_MS],
  ['silent', 5 * HOUR_MS],
] as const)(
  'five failures open the circuit of a vendor that is down (%s, for %d ms), and all jobs succeed later',
  async (fault, until) => {
    const { states, reached } = await scenario({
      jobs: many(8, 'good', (index) => ({ at: index * 20_000, group: index })),
      outages: [{ target: 'zendesk', from: 0, until, fault }],
    });

    expect(reached('state held(stopped)')).toBeGreaterThan(0);
    expect(states()).toEqual(states().map(() => 'succeeded'));
  },
  30_000,
);

test.each([
  ['feedback', 'zendesk', 1],
  ['emails', 'sendgrid', 1],
  ['testflight', 'apple', 1],
  ['feedback', 'zendesk', 4],
  ['testflight', 'apple', 4],
] as const)(
  'a lone job of %s, or a few, outlast an outage of %s for a day',
  async (queue, target, count) => {
    const { states } = await scenario({
      queue,
      jobs: many(count, 'good', (index) => ({ at: index * 20_000, group: index })),
      outages: [{ target, from: 0, until: DAY_MS, fault: 'refused' }],
    });

    expect(states()).toEqual(states().map(() => 'succeeded'));
  },
  30_000,
);

test.each(['mute', 'failed'] as const)(
  'of mails whose vendor gives no clear answer (%s), only those of the first calls and of the trial calls are unknown',
  async (fault) => {
    const { states, reached } = await scenario({
      queue: 'emails',
      jobs: many(60, 'good', (index) => ({ at: index * 100, group: index })),
      outages: [{ target: 'sendgrid', from: 0, until: 2 * HOUR_MS, fault }],
      resolution: { after: 3 * HOUR_MS },
    });

    expect(reached('state held(unknown)')).toBeLessThan(30);
    expect(states()).toHaveLength(60);
  },
  30_000,
);

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

test("a job's three attempts outlast an outage of fifteen minutes", async () => {
  const { states, row } = await scenario({
    jobs: jobs('good'),
    outages: [{ target: 'zendesk', from: 0, until: 14 * MINUTE_MS, fault: 'refused' }],
  });

  expect(states()).toEqual(['succeeded']);
  expect(row(0).attempts).toBe(3);
});

test.each(['throttled', 'retry-after'] as const)('429 (%s) costs no attempt, however often it comes', async (fault) => {
  const { row } = await scenario({
    calls: [1, 2, 3, 4, 5].map((nth) => ({ kind: 'zendesk.createTicket', nth, fault })),
  });

  expect(row(0)).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a worker gives up a confirmation after a quarter of an hour if its vendor is down, and the job succeeds', async () => {
  const { row } = await scenario(
    { outages: [{ target: 'sendgrid', from: 0, until: 5 * HOUR_MS, fault: 'refused' }] },
    { restWithinMs: MINUTE_MS },
  );

  expect(row(0)).toMatchObject({ state: 'succeeded', steps: { confirmation: { status: 'skipped' } } });
  expect((row(0).endedAt ?? 0) - row(0).time).toBeLessThan(20 * MINUTE_MS);
});

test('a worker uploads a file again if its token expired while the job waited', async () => {
  const { states, reached } = await scenario({
    jobs: jobs('attachment'),
    calls: [1, 2, 3].map((nth) => ({ kind: 'zendesk.createTicket', nth, fault: 'refused' as const })),
    outages: [{ target: 'zendesk', from: MINUTE_MS / 2, until: 3 * HOUR_MS, fault: 'unauthorized' }],
  });

  expect(states()).toEqual(['succeeded']);
  expect(reached('step upload started')).toBeGreaterThan(1);
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
