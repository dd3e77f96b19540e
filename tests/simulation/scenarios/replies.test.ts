import { HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

test("the SDK's own second try meets our claim, and the job is ours", async () => {
  const { states, row, reached } = await scenario({ calls: [{ kind: 'table.put', nth: 4, fault: 'repeated' }] });

  expect(reached('fault repeated at table.put')).toBe(1);
  expect(states()).toEqual(['succeeded']);
  expect(row(0).history.filter(({ event }) => event === 'started')).toHaveLength(1);
});

test('a claim whose answer is lost is recognised, and spends no attempt', async () => {
  const { row } = await scenario({ calls: [{ kind: 'table.put', nth: 4, fault: 'lost' }] });

  expect(row(0)).toMatchObject({ state: 'succeeded', attempts: 1, opened: 1 });
});

test.each(['throttled', 'refused', 'silent', 'mute'] as const)('the table is %s for an hour', async (fault) => {
  const { states } = await scenario({
    jobs: jobs(['good', { retries: 2 }], ['good', { at: 90 * MINUTE_MS }]),
    outages: [{ target: 'table', from: 200, until: HOUR_MS, fault }],
  });

  expect(states()).toEqual(['succeeded', 'succeeded']);
});

test('the table is down for a whole day, and every accepted job ends', async () => {
  const { states } = await scenario({
    jobs: jobs('good', ['good', { group: 1 }], ['good', { group: 2 }]),
    outages: [{ target: 'table', from: 60, until: 24 * HOUR_MS, fault: 'refused' }],
  });

  expect(new Set(states())).toEqual(new Set(['succeeded']));
});

test.each(['throttled', 'refused', 'lost', 'silent'] as const)('S3 answers a put with %s', async (fault) => {
  const { states, reached } = await scenario({
    jobs: jobs('refused', 'good'),
    calls: [1, 2, 3].map((nth) => ({ kind: 'objects.put', nth, fault })),
  });

  expect(reached(`fault ${fault} at objects.put`)).toBe(3);
  expect(states()).toEqual(['dead (error)', 'succeeded']);
});

test('S3 is down for hours: what has succeeded stays so, what has to be parked or held waits for it', async () => {
  const { states, row } = await scenario({
    jobs: jobs('good', ['refused', { group: 1 }], ['newer', { group: 2 }]),
    outages: [{ target: 'objects', from: 0, until: 3 * HOUR_MS, fault: 'throttled' }],
    deployAt: 10 * MINUTE_MS,
  });

  expect(states()).toEqual(['succeeded', 'dead (error)', 'succeeded']);
  expect(row(1).error?.code).toBe('ZendeskRejected');
});

test.each(['lost', 'silent', 'gateway'] as const)(
  'a ticket that was made and then %s is found, not made again',
  async (fault) => {
    const { row, reached } = await scenario({ calls: [{ kind: 'zendesk.createTicket', nth: 1, fault }] });

    expect(reached('effect ticket')).toBe(1);
    expect(row(0)).toMatchObject({ state: 'succeeded', steps: { ticket: { status: 'done', result: { id: '1' } } } });
  },
);

test.each(['lost', 'silent', 'mute', 'late', 'gateway'] as const)(
  'a mail whose answer is %s is unknown, and never sent again',
  async (fault) => {
    const { row, world } = await scenario({ calls: [{ kind: 'sendgrid.send', nth: 1, fault }] });

    expect(row(0)).toMatchObject({ state: 'succeeded', steps: { confirmation: { status: 'unknown' } } });
    expect(world.vendors.sendgrid.mails.length).toBeLessThanOrEqual(1);
  },
);

test("a lost answer of a send to the queue makes a second message at most, and that one's job runs once", async () => {
  const { states, reached } = await scenario({
    jobs: jobs(['good', { retries: 2 }]),
    calls: [{ kind: 'queues.send', nth: 1, fault: 'lost' }],
  });

  expect(states()).toEqual(['succeeded']);
  expect(reached('effect mail')).toBe(1);
});
