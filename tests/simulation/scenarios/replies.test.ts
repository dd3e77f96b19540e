import { HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

test.each(['throttled', 'refused', 'silent', 'mute'] as const)(
  'jobs succeed although the table is %s for an hour',
  async (fault) => {
    const { states } = await scenario({
      jobs: jobs(['good', { retries: 2 }], ['good', { at: 90 * MINUTE_MS }]),
      outages: [{ target: 'table', from: 200, until: HOUR_MS, fault }],
    });

    expect(states()).toEqual(['succeeded', 'succeeded']);
  },
);

test('every accepted job ends although the table is down for a whole day', async () => {
  const { states } = await scenario({
    jobs: jobs('good', ['good', { group: 1 }], ['good', { group: 2 }]),
    outages: [{ target: 'table', from: 60, until: 24 * HOUR_MS, fault: 'refused' }],
  });

  expect(new Set(states())).toEqual(new Set(['succeeded']));
});

test.each(['throttled', 'refused', 'lost', 'silent'] as const)(
  'jobs end although S3 answers the puts of records with %s',
  async (fault) => {
    const { states, reached } = await scenario({
      jobs: jobs('refused', 'good'),
      calls: [1, 2, 3].map((nth) => ({ kind: 'objects.create', nth, fault })),
    });

    expect(reached(`fault ${fault} at objects.create`)).toBe(3);
    expect(states()).toEqual(['dead (error)', 'succeeded']);
  },
);

test('if S3 is down for hours, a succeeded job stays so, and jobs to park or hold wait for S3', async () => {
  const { states, row } = await scenario({
    jobs: jobs('good', ['refused', { group: 1 }], ['newer', { group: 2 }]),
    outages: [{ target: 'objects', from: 0, until: 3 * HOUR_MS, fault: 'throttled' }],
    deployAt: 10 * MINUTE_MS,
  });

  expect(states()).toEqual(['succeeded', 'dead (error)', 'succeeded']);
  expect(row(1).error?.code).toBe('ZendeskRejected');
});
