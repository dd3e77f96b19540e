import { HOUR_MS, jobs, MINUTE_MS, many, scenario } from './scenario';

test('a message of the next version waits for the code that knows it, without an attempt', async () => {
  const { row, reached } = await scenario({ jobs: jobs('newer', ['good', { at: 1_000 }]), deployAt: 40 * MINUTE_MS });

  expect(reached('state held(throttled)')).toBeGreaterThan(0);
  expect(row(0)).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a job may meet either version during a deployment, and runs once', async () => {
  const { states, reached } = await scenario({
    jobs: many(6, 'newer', (index) => ({ at: index * 60_000, group: index % 2 })),
    deployAt: MINUTE_MS,
  });

  expect(new Set(states())).toEqual(new Set(['succeeded']));
  expect(reached('effect ticket')).toBe(6);
});

test('a message of a version that is never deployed is refused after an hour', async () => {
  const { row } = await scenario({ jobs: jobs('newer'), deployAt: 20 * HOUR_MS });

  expect(row(0)).toMatchObject({ state: 'dead', error: { code: 'UnknownVersion' } });
});

const BOUNDARIES = {
  hour: Date.UTC(2026, 4, 5, 9, 59, 30),
  day: Date.UTC(2026, 4, 5, 23, 59, 30),
  month: Date.UTC(2028, 1, 28, 23, 59, 30),
  year: Date.UTC(2026, 11, 31, 23, 59, 30),
};

test.each(Object.entries(BOUNDARIES))(
  'a job that runs past the end of the %s has one record, under the time of its start',
  async (_name, start) => {
    const { row, world } = await scenario({
      start,
      calls: [1, 2, 3].map((nth) => ({ kind: 'zendesk.createTicket', nth, fault: 'refused' as const })),
    });

    const keys = (await world.stores.objects.list('jobs/feedback/year=')).filter((key) => key.includes('/year='));
    expect(keys).toEqual([expect.stringContaining(new Date(start).toISOString().slice(11, 13))]);
    expect(row(0)).toMatchObject({ state: 'succeeded', attempts: 2 });
  },
);

test("two invocations of one event run the job once, however the workers' clocks differ", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { row } = await scenario({
      seed,
      starts: [{ nth: 1, fault: 'twice', ms: 5 * seed }],
      calls: seed % 2 ? [{ kind: 'zendesk.createTicket', nth: 1, fault: 'killed-after' }] : [],
    });

    expect(row(0).state).toBe('succeeded');
  }
});

test('work that the indexes show late is done later and only once', async () => {
  const plan = {
    jobs: jobs('good', ['refused', { at: 1_000 }]),
    calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'throttled' as const }],
    redrives: [{ nth: 1, after: 2 * MINUTE_MS, how: 'command' as const }],
  };
  const prompt = await scenario(plan);
  const late = await scenario({ ...plan, indexLag: 5 * MINUTE_MS });

  expect(late.states()).toEqual(prompt.states());
  expect([prompt, late].map(({ reached }) => reached('effect ticket'))).toEqual([1, 1]);
  const [endedAt = 0, later = 0] = [prompt, late].map(({ row }) => row(0).endedAt);
  expect(later - endedAt).toBeGreaterThan(3 * MINUTE_MS);
});
