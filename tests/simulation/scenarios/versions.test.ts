import type { JobRow } from '../../../lib/jobs/row';
import type { Plan, Versions } from '../draw/plan';
import { revision } from '../released/bundle.cjs';
import { HOUR_MS, jobs, MINUTE_MS, type Scenario, scenario } from './scenario';

/**
 * Between these times every new process runs the released code. For ten minutes around each change, every second one
 * does.
 */
const BACK_MS = 15 * MINUTE_MS;
const FORTH_MS = 3 * HOUR_MS;
const ROLLED_BACK: Versions[] = [
  { until: BACK_MS - 10 * MINUTE_MS, released: 0 },
  { until: BACK_MS, released: 0.5 },
  { until: FORTH_MS, released: 1 },
  { until: FORTH_MS + 10 * MINUTE_MS, released: 0.5 },
];

/** The last event of each row before a time. */
function saidBy({ world }: Scenario, ms: number): Set<string> {
  const at = world.plan.start + ms;
  const last = ({ history }: JobRow) => history.findLast((entry) => entry.at <= at)?.event ?? 'nothing';
  const there = world.watch.rows().filter(({ createdAt }) => createdAt <= at);
  return new Set(there.map(last));
}

const resolution = { after: HOUR_MS };
const redrives: Plan['redrives'] = [{ nth: 1, after: HOUR_MS, how: 'command' }];

/** Runs with a roll-back while jobs wait for everything that can keep a job of their queue. */
const RUNS: Record<string, { plan: Partial<Plan>; waits: string[]; ends: string[] }> = {
  feedback: {
    plan: {
      jobs: jobs(['refused', { group: 1 }], ['good', { at: 5 * MINUTE_MS }], ['attachment', { at: 6 * MINUTE_MS }]),
      outages: [{ target: 'zendesk', from: 4 * MINUTE_MS, until: HOUR_MS, fault: 'throttled' }],
      redrives,
    },
    waits: ['dead (error)', 'held (throttled)'],
    ends: ['dead (error)', 'succeeded', 'succeeded'],
  },
  'feedback with an open circuit': {
    plan: {
      jobs: jobs(['good', { at: 5 * MINUTE_MS }], ['good', { at: 6 * MINUTE_MS, group: 1 }]),
      outages: [{ target: 'zendesk', from: 4 * MINUTE_MS, until: 2 * HOUR_MS, fault: 'unauthorized' }],
    },
    waits: ['held (stopped)'],
    ends: ['succeeded', 'succeeded'],
  },
  emails: {
    plan: {
      queue: 'emails',
      jobs: jobs('good', 'bad-data', ['good', { at: 5 * MINUTE_MS }]),
      calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'mute' }],
      outages: [{ target: 'sendgrid', from: 4 * MINUTE_MS, until: HOUR_MS, fault: 'throttled' }],
      resolution,
      redrives,
    },
    waits: ['held (unknown)', 'dead (error)', 'held (throttled)'],
    ends: ['cancelled (operator)', 'dead (error)', 'succeeded'],
  },
  campaigns: {
    plan: {
      queue: 'campaigns',
      jobs: jobs('unsendable', ['good', { group: 2 }]),
      calls: [{ kind: 'sendgrid.send', nth: 3, fault: 'mute' }],
      controls: [
        { at: 65_000, what: 'pause', campaign: 0 },
        { at: HOUR_MS, what: 'resume', campaign: 0 },
      ],
      resolution,
      redrives,
    },
    waits: ['held (unknown)', 'held (paused)', 'dead (error)'],
    ends: ['succeeded', 'succeeded'],
  },
  testflight: {
    plan: {
      queue: 'testflight',
      jobs: jobs('resend', ['good', { at: 1_000 }], ['removal', { at: 2_000 }], ['refused', { group: 1 }]),
      calls: [{ kind: 'apple.invite', nth: 1, fault: 'mute' }],
      resolution,
      redrives,
    },
    waits: ['held (unknown)', 'held (behind)', 'dead (error)'],
    ends: ['succeeded', 'succeeded', 'succeeded', 'dead (error)'],
  },
  analytics: {
    plan: {
      queue: 'analytics',
      batch: 10,
      jobs: jobs('bad-data', ['unknown-version', { at: 12 * MINUTE_MS, group: 1 }]),
      redrives,
    },
    waits: ['dead (error)'],
    ends: ['dead (error)', 'dead (error)'],
  },
  bulk: {
    plan: {
      queue: 'bulk',
      batch: 10,
      jobs: jobs('refused', ['good', { group: 1 }], ['fails', { at: 10 * MINUTE_MS, group: 2 }]),
      broken: { from: 5_000, until: 9 * MINUTE_MS },
      redrives,
    },
    waits: ['dead (error)', 'retry', 'succeeded'],
    ends: ['dead (error)', 'succeeded', 'dead (error)'],
  },
  'bulk-standard': {
    plan: {
      queue: 'bulk-standard',
      batch: 10,
      jobs: jobs('refused', ['kills-after', { at: 12 * MINUTE_MS }], ['fails', { at: 12 * MINUTE_MS }]),
      redrives,
    },
    waits: ['dead (error)', 'retry', 'started'],
    ends: ['dead (error)', 'dead (crash)', 'dead (error)'],
  },
};

test.each(Object.entries(RUNS))('%s: a roll-back loses no waiting job', async (_name, { plan, waits, ends }) => {
  const run = await scenario({ ...plan, versions: ROLLED_BACK });

  expect([...saidBy(run, BACK_MS)]).toEqual(expect.arrayContaining(waits));
  expect(run.reached('released reconciler')).toBeGreaterThan(0);
  expect(run.states()).toEqual(ends);
});

test.each<[string, Partial<Plan>, string]>([
  ['was never sent', { calls: [{ kind: 'queues.send', nth: 1, fault: 'refused' }] }, 'cancelled'],
  ['expired in its queue', { retention: 2 * 3600, unpolled: { from: 0, until: 6 * HOUR_MS } }, 'dead'],
])('a job that %s ends after the next upgrade if the released code does not find it', async (_name, plan, state) => {
  const { world } = await scenario({
    ...plan,
    jobs: jobs('good'),
    versions: [
      { until: MINUTE_MS, released: 0 },
      { until: 5 * HOUR_MS, released: 1 },
    ],
  });

  const [row] = world.watch.rows();
  expect(row?.state).toBe(state);
  expect((row?.endedAt ?? 0) - world.plan.start).toBeGreaterThanOrEqual(5 * HOUR_MS);
});

test('the released code is the last deployed revision', () => {
  expect(revision).toBe('28eb1b2');
});

test("a circuit that released code opened for two unknown senders closes at today's next trial call", async () => {
  const run = await scenario({
    queue: 'emails',
    jobs: jobs('good', ['unverified', { at: 1_000 }], ['unverified', { at: 2_000 }], ['good', { at: 3 * MINUTE_MS }]),
    versions: [{ until: 2 * MINUTE_MS, released: 1 }],
  });

  expect([...saidBy(run, 2 * MINUTE_MS)]).toContain('held (stopped)');
  expect(run.states()).toEqual(['succeeded', 'dead (error)', 'dead (error)', 'succeeded']);
});

describe("an event that only today's code accepts, because its id is no UUID and its time has an offset,", () => {
  test("is done once by today's code, although released code sees its row", async () => {
    const run = await scenario({ jobs: jobs('event', 'event'), versions: ROLLED_BACK });

    expect(run.states()).toEqual(['succeeded', 'succeeded']);
    expect(run.reached('effect ticket')).toBe(2);
  });

  test("is dead as invalid if released code meets it first, also after a redrive by today's code", async () => {
    const { world, reached } = await scenario({
      jobs: jobs('event'),
      versions: [{ until: HOUR_MS, released: 1 }],
      redrives: [{ nth: 1, after: 2 * HOUR_MS, how: 'command' }],
    });

    const [row, ...others] = world.watch.rows();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ id: expect.stringMatching(/^invalid\//), state: 'dead', generation: 2 });
    expect(row?.error).toMatchObject({ code: 'InvalidEnvelope', message: expect.stringContaining('send it again') });
    expect(reached('effect ticket')).toBe(0);
  });

  test('is neither lost nor done twice if both versions meet it: one row is dead as invalid, the other one expires', async () => {
    const { world, reached } = await scenario({
      jobs: jobs('event'),
      calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'throttled' }],
      retention: 2 * 3600,
      versions: [
        { until: 20_000, released: 0 },
        { until: HOUR_MS, released: 1 },
      ],
    });

    const ends = world.watch.rows().map(({ state, reason, error }) => `${state} (${reason}) ${error?.code}`);
    expect(ends.toSorted()).toEqual(['dead (error) InvalidEnvelope', 'dead (expired) Expired']);
    expect(reached('effect ticket')).toBe(1);
  });
});
