import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { calls, DAY_MS, HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../draw/build';
import { aPlan, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { reportOf } from '../promises/campaigns-are-exact';
import { runPlan } from '../runs/run';
import { campaignsOf, chunkRow } from '../world/campaigns';
import { serviceQueue } from '../world/names';

/** Runs a plan in which every promise must hold. Throws with the timeline if one is broken. */
async function scenario(changes: Partial<Plan>) {
  const plan = aPlan(changes);
  const { violation, ...run } = await runPlan(plan);
  if (violation === undefined) return run;
  const { timeline } = await runPlan(plan, { detailed: true });
  throw new Error(explain({ violation, plan, timeline: timeline() }));
}

/** Runs in which the service once broke a promise, as small as possible. */
const FOUND: Record<string, Partial<Plan>> = {
  'a message with a stolen id keeps its row when SQS moves it back': {
    jobs: jobs('good', ['stolen-id', { at: 5 * SECOND_MS }]),
    redrives: [{ nth: 1, after: MINUTE_MS, how: 'move' }],
  },
  'a message with a stolen id that is dead-lettered untried does not harm the job with that id': {
    jobs: jobs('good', ['stolen-id', { at: 30 * SECOND_MS }]),
    broken: { from: 5 * SECOND_MS, until: 20 * MINUTE_MS },
  },
  'three jobs whose workers do not start for an hour are not taken for poison messages': {
    jobs: jobs('good', 'good', 'good'),
    broken: { from: 700, until: HOUR_MS },
  },
  'copies of a poison message in the DLQ are not taken for the returned one, beside others of its group': {
    queue: 'bulk',
    batch: 10,
    jobs: jobs(
      ['kills-after', { at: 1, again: 10 }],
      ['good', { group: 1 }],
      ['good', { at: 28 }],
      ['copy', { at: 57, group: 1, again: 10 }],
      ['good', { at: 47, group: 2, again: 10 }],
    ),
    broken: { from: 0, until: 20 * MINUTE_MS },
  },
  'a job that is always returned after poison messages is not taken for one': {
    queue: 'bulk',
    batch: 10,
    jobs: jobs(
      ['good', { at: 3 }],
      ['kills-after', { again: 6 * MINUTE_MS }],
      ['good', { at: 3 }],
      ['good', { at: 10_884, again: 10 }],
    ),
    calls: [{ nth: 2, fault: 'late' }],
    broken: { from: 0, until: 20 * MINUTE_MS },
  },
  'a job that cannot be parked in the last seconds of its function goes back to its queue': {
    queue: 'bulk-standard',
    outages: [
      { target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' },
      { target: 'bulk', from: 0, until: 5 * HOUR_MS, fault: 'mute' },
    ],
    broken: { from: 0, until: MINUTE_MS },
  },
  'a message that waits for its own copy is not dead-lettered on its last receive': {
    queue: 'bulk-standard',
    batch: 10,
    jobs: jobs('fails', ['copy', { at: 16, again: 6 * MINUTE_MS }]),
    unpolled: { from: 58_029, until: 10_858_029 },
  },
  'a chunk that is redriven after its paused campaign stopped waiting for it continues after the pause': {
    queue: 'campaigns',
    jobs: jobs(['unsendable', { group: 1 }]),
    concurrency: 2,
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'command' }],
    canaries: 10 * MINUTE_MS,
  },
  'a chunk is counted even if its release died before the count and its campaign was then paused': {
    queue: 'campaigns',
    jobs: jobs(['good', { again: 10 }]),
    calls: [{ nth: 31, fault: 'killed-after' }],
    controls: [{ at: 61_000, what: 'pause', campaign: 0 }],
  },
  'the entry of a message that took the id of a job stays, although the row of that job does not parse': {
    seed: 2_046_397_603,
    queue: 'emails',
    concurrency: 2,
    jobs: jobs('good', ['stolen-id', { at: 34 }], 'good', 'good', ['good', { at: 30 }]),
    calls: calls('sendgrid.send', 'refused', 'lost'),
    lostDeletes: [1],
    damages: [{ at: 894, job: 2 }],
    deployAt: 2 * HOUR_MS,
  },
  'a message that took the id of a job is returned, although the row of that job does not parse': {
    jobs: jobs(['stolen-id', { at: 41 }], ['good', { again: 10, planned: { ahead: 5 * SECOND_MS } }]),
    outages: [{ target: 'table', from: 72, until: 60_072, fault: 'refused' }],
    damages: [{ at: 67, job: 0 }],
    unpolled: { from: 42, until: 600_042 },
  },
  'a stranger who knows a campaign sends none of its chunks again, and cannot pause it': {
    queue: 'campaigns',
    jobs: jobs('good'),
    forgeries: [0, 1, 2, 3].map((about) => ({
      ...{ at: 2 * MINUTE_MS + about, form: 'chunk under another id', about, times: 2 },
    })),
  },
  'a job whose worker dies while parking it runs once more, and ends with the failure': {
    queue: 'bulk',
    jobs: jobs('fails'),
    calls: calls('objects.put', 'killed-before'),
  },
  ...Object.fromEntries(
    (['retry-after', 'disallowed'] as const).map((fault) => [
      `a mail that was never sent is not unknown after ${fault}, although the bucket then refuses its body`,
      { queue: 'emails', calls: [...calls('sendgrid.send', fault), ...calls('objects.put', 'refused')] },
    ]),
  ),
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8].map((nth) => [
      `a mail that was never sent is not unknown although the table cannot be read from read ${nth} on`,
      { queue: 'emails', calls: [{ kind: 'table.get', nth, fault: 'refused', times: 3 }] },
    ]),
  ),
};

/** Runs that chance never makes. */
const RARE: Record<string, Partial<Plan>> = {
  'an event that another SDK wrote, whose id is no UUID, is held and released': {
    jobs: jobs('event', ['event', { group: 1 }]),
    outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
  },
  ...Object.fromEntries(
    (['command', 'move'] as const).map((how) => [
      `an event whose id is no UUID is dead and redriven by ${how}`,
      {
        jobs: jobs('event'),
        calls: calls('zendesk.createTicket', 'forbidden'),
        redrives: [{ nth: 1, after: HOUR_MS, how }],
      },
    ]),
  ),
  'an event whose id is no UUID is sent twice, and stays one job': { jobs: jobs(['event', { again: 10 * MINUTE_MS }]) },
  'a job that is planned a month ahead': { jobs: jobs(['good', { planned: { ahead: 30 * DAY_MS } }]) },
};

test.each(Object.entries({ ...FOUND, ...RARE }))('%s', async (_name, plan) => {
  await expect(scenario(plan)).resolves.toBeDefined();
});

test('a planned job holds up no other job of its group', async () => {
  const { world, inputs } = await scenario({
    queue: 'testflight',
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 5 * SECOND_MS }]),
  });

  const other = world.watch.row(`${serviceQueue(world)}#${inputs[1]?.id}`);
  expect(other?.endedAt).toBeLessThan(world.plan.start + MINUTE_MS);
});

test.each(['chunk-kills-before', 'chunk-kills-after'] as const)(
  'a campaign with a %s chunk ends without its recipients',
  async (kind) => {
    const { world } = await scenario({ queue: 'campaigns', jobs: jobs([kind, { group: 1 }]) });

    const [campaign] = campaignsOf(world);
    if (!campaign) throw new Error('the campaign is missing');
    expect(chunkRow(world, campaign, 1)).toMatchObject({ state: 'dead', error: { code: 'CrashLoop' } });
    const jobsOf = { refused: [chunkId(campaign.id, 1)] };
    expect(await reportOf(world, campaign)).toMatchObject({ status: 'ended', accepted: 4, refused: 3, jobs: jobsOf });
  },
);
