import { HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

test("a worker recognises its own claim when the SDK's second try meets it", async () => {
  const { states, row, reached } = await scenario({ calls: [{ kind: 'table.put', nth: 4, fault: 'repeated' }] });

  expect(reached('fault repeated at table.put')).toBe(1);
  expect(states()).toEqual(['succeeded']);
  expect(row(0).history.filter(({ event }) => event === 'started')).toHaveLength(1);
});

test('a worker recognises its claim after a lost answer, and no attempt is spent', async () => {
  const { row } = await scenario({ calls: [{ kind: 'table.put', nth: 4, fault: 'lost' }] });

  expect(row(0)).toMatchObject({ state: 'succeeded', attempts: 1, generation: 1 });
});

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

test.each(['lost', 'silent', 'gateway'] as const)(
  'a ticket whose answer is %s is found, not made again',
  async (fault) => {
    const { row, reached } = await scenario({ calls: [{ kind: 'zendesk.createTicket', nth: 1, fault }] });

    expect(reached('effect ticket')).toBe(1);
    expect(row(0)).toMatchObject({ state: 'succeeded', steps: { ticket: { status: 'done', result: { id: '1' } } } });
  },
);

test.each(['lost', 'silent', 'mute', 'late', 'gateway'] as const)(
  'a mail whose answer is %s is unknown, and never sent again',
  async (fault) => {
    // With this seed no event proves the mail.
    const { row, world } = await scenario({ seed: 2, calls: [{ kind: 'sendgrid.send', nth: 1, fault }] });

    expect(row(0)).toMatchObject({ state: 'succeeded', steps: { confirmation: { status: 'unknown' } } });
    expect(world.vendors.sendgrid.mails.length).toBeLessThanOrEqual(1);
  },
);

test('after a lost answer of a send to the queue, a second message may come, but the job runs once', async () => {
  const { states, reached } = await scenario({
    jobs: jobs(['good', { retries: 2 }]),
    calls: [{ kind: 'queues.send', nth: 1, fault: 'lost' }],
  });

  expect(states()).toEqual(['succeeded']);
  expect(reached('effect mail')).toBe(1);
});
