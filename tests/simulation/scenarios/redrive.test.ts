import type { Redrive } from '../draw/plan';
import { DAY_MS, HOUR_MS, jobs, MINUTE_MS, many, scenario } from './scenario';

const AFTER = [MINUTE_MS, 6 * MINUTE_MS, 2 * HOUR_MS, 30 * DAY_MS];
const redrive = (after: number, how: Redrive['how'], nth = 1): Redrive => ({ nth, after, how });

describe.each(AFTER)('redriven %d ms after its death', (after) => {
  test('a job that fails again is parked again', async () => {
    const { row, states } = await scenario({ jobs: jobs('refused'), redrives: [redrive(after, 'command')] });

    expect(states()).toEqual(['dead (error)']);
    expect(row(0).generation).toBe(2);
  });

  test('a job whose vendor has recovered succeeds', async () => {
    const { states, reached } = await scenario({
      calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'forbidden' }],
      redrives: [redrive(after, 'command')],
    });

    expect(states()).toEqual(['succeeded']);
    expect(reached('effect ticket')).toBe(1);
  });
});

test.each(AFTER.slice(0, 3))(
  "SQS's own move of the DLQ %d ms after a death also brings the job back",
  async (after) => {
    const { states, row } = await scenario({
      jobs: jobs('refused', ['not-json', { group: 1 }], ['stolen-id', { at: 5_000 }]),
      redrives: [redrive(after, 'move')],
    });

    expect(states()).toEqual(['dead (error)', 'dead (error)', 'dead (error)']);
    expect(row(0).generation).toBe(2);
  },
);

test('a job that is parked twice within five minutes has one DLQ entry, for its last death', async () => {
  const { row } = await scenario({
    jobs: jobs('refused'),
    redrives: [redrive(MINUTE_MS, 'command', 1), redrive(MINUTE_MS, 'move', 2), redrive(MINUTE_MS, 'command', 3)],
  });

  expect(row(0)).toMatchObject({ state: 'dead', generation: 4 });
});

test('a late duplicate of a parked job does not run it again', async () => {
  const { row, reached } = await scenario({ jobs: jobs('refused'), lostDeletes: [1] });

  expect(reached('lost delete')).toBe(1);
  expect(row(0)).toMatchObject({ state: 'dead', generation: 1, attempts: 1 });
});

test('a message with the id of a finished job does not change that job', async () => {
  const { states, row } = await scenario({ jobs: jobs('good', ['stolen-id', { at: 10_000, group: 1 }]) });

  expect(states()).toEqual(['succeeded', 'dead (error)']);
  expect(row(1).error?.code).toBe('IdTaken');
});

test.each([{}, { approximate: true } as const])(
  'the reconciler sees more than ten dead jobs of one group in the DLQ, and a message that SQS moved there (%j)',
  async (queues) => {
    const { states } = await scenario({
      ...queues,
      jobs: [...many(14, 'refused', (index) => ({ at: index * 1_000 })), ...jobs(['good', { at: 10 * MINUTE_MS }])],
      broken: { from: 9 * MINUTE_MS, until: 40 * MINUTE_MS },
    });

    expect(states()).toEqual([...Array.from({ length: 14 }, () => 'dead (error)'), 'succeeded']);
  },
);

test('a message that expires unread ends its job as expired', async () => {
  const { states, row } = await scenario({
    jobs: jobs('good'),
    unpolled: { from: 0, until: 4 * HOUR_MS },
    retention: 2 * 3600,
  });

  expect(states()).toEqual(['dead (expired)']);
  expect(row(0).recordedAt).toBeDefined();
});

test('a job whose DLQ entry has expired can still be redriven, and its history says so', async () => {
  const { row } = await scenario({
    jobs: jobs('refused'),
    retention: 2 * 3600,
    dlqRetention: 3 * 3600,
    redrives: [redrive(DAY_MS, 'command')],
  });

  expect(row(0)).toMatchObject({ state: 'dead', generation: 2 });
  expect(row(0).history.some(({ event }) => event === 'DLQ entry expired')).toBe(true);
});
