import { HOUR_MS, jobs, MINUTE_MS, many, SECOND_MS, scenario } from './scenario';

test('a start that is throttled until just before the visibility timeout: two workers get the message at once', async () => {
  const { states, reached } = await scenario({
    concurrency: 2,
    starts: [{ nth: 1, fault: 'throttled', ms: 270 * SECOND_MS }],
    calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'mute' }],
  });

  expect(reached('start throttled')).toBeGreaterThan(1);
  expect(states()).toEqual(['succeeded']);
});

test('a start that is throttled until just before the visibility timeout, on the last receive', async () => {
  const { states } = await scenario({
    concurrency: 2,
    starts: [
      { nth: 1, fault: 'failed', ms: 0 },
      { nth: 2, fault: 'failed', ms: 0 },
      { nth: 3, fault: 'throttled', ms: 270 * SECOND_MS },
    ],
    calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'mute' }],
  });

  expect(states()).toEqual(['succeeded']);
});

test('no job is parked because workers cannot start for an hour, whether one job waits or many', async () => {
  const broken = { from: 0, until: HOUR_MS };

  const one = await scenario({ jobs: jobs('good'), broken });
  const some = await scenario({ jobs: many(8, 'good', (index) => ({ group: index % 3 })), broken });

  expect(one.states()).toEqual(['succeeded']);
  expect(new Set(some.states())).toEqual(new Set(['succeeded']));
  expect(one.reached('moved by SQS')).toBeGreaterThan(0);
});

test('a job whose function times out at one call continues at the next delivery', async () => {
  const slow = Array.from({ length: 40 }, (_, index) => ({
    kind: 'table.get',
    nth: index + 1,
    fault: 'slow' as const,
  }));

  const { states, reached } = await scenario({ jobs: jobs('good', 'good'), calls: slow });

  expect(reached('fault slow at table.get')).toBeGreaterThan(5);
  expect(states()).toEqual(['succeeded', 'succeeded']);
});

test.each([1, 2, 3])("if Lambda's delete number %d is lost, the message comes again and does no harm", async (nth) => {
  const { states, reached } = await scenario({
    jobs: jobs('good', 'refused', ['newer', { group: 1 }]),
    lostDeletes: [nth],
    deployAt: 10 * MINUTE_MS,
  });

  expect(reached('lost delete')).toBe(1);
  expect(states()).toEqual(['succeeded', 'dead (error)', 'succeeded']);
});

test.each(['malformed', 'unanswered'] as const)(
  'after an answer that is %s the whole batch comes again, and no job runs twice',
  async (fault) => {
    const { states, reached } = await scenario({
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: SECOND_MS },
      jobs: many(5, 'good', (index) => ({ group: index % 2 })),
      starts: [{ nth: 1, fault, ms: 0 }],
    });

    expect(new Set(states())).toEqual(new Set(['succeeded']));
    expect(reached('effect item')).toBe(5);
  },
);

test('of two reconcilers at once, the second leaves the work to the first', async () => {
  const { states } = await scenario({
    jobs: jobs(['newer', { group: 1 }], ['newer', { group: 2 }]),
    deployAt: 3 * MINUTE_MS,
    starts: [3, 4, 5, 6, 7].map((nth) => ({ nth, fault: 'twice' as const, ms: 20 })),
  });

  expect(states()).toEqual(['succeeded', 'succeeded']);
});

test('SQS moves no message to the DLQ because of failures alone, at any batch size', async () => {
  for (const batch of [1, 3, 10]) {
    const { reached } = await scenario({
      queue: 'bulk',
      batch,
      unpolled: { from: 0, until: SECOND_MS },
      jobs: [
        ...many(5, 'fails', (group) => ({ group: group % 3 })),
        ...many(5, 'falters', (group) => ({ group: group % 4 })),
        ...many(5, 'good', (group) => ({ group: group % 5 })),
      ],
      outages: [{ target: 'bulk', from: 2 * MINUTE_MS, until: 20 * MINUTE_MS, fault: 'refused' }],
    });

    expect(reached('moved by SQS')).toBe(0);
  }
});
