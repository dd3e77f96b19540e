import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { calls, DAY_MS, HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS } from '../draw/build';
import type { Plan } from '../draw/plan';
import { reportOf } from '../promises/campaigns-are-exact';
import { campaignsOf, chunkRow } from '../world/campaigns';
import { scenario } from './scenario';

test.each<[string, Partial<Plan>]>([
  [
    'held and released',
    {
      jobs: jobs('event', ['event', { group: 1 }]),
      outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
    },
  ],
  ...(['command', 'move'] as const).map((how): [string, Partial<Plan>] => [
    `dead and redriven by ${how}`,
    {
      jobs: jobs('event'),
      calls: calls('zendesk.createTicket', 'forbidden'),
      redrives: [{ nth: 1, after: 2 * HOUR_MS, how }],
    },
  ]),
  ['sent twice', { jobs: jobs(['event', { again: 10 * MINUTE_MS }]) }],
])(
  'an event that another CloudEvents SDK wrote, whose id is no UUID, stays one job when it is %s',
  async (_what, plan) => {
    const { states, world, reached } = await scenario(plan);

    expect(states()).toEqual(plan.jobs?.map(() => 'succeeded'));
    expect(world.watch.rows()).toHaveLength(states().length);
    expect(reached('effect ticket')).toBe(states().length);
  },
);

test('a job that is planned a month ahead starts within a minute of its time', async () => {
  const { row, states } = await scenario({ jobs: jobs(['good', { planned: { ahead: 30 * DAY_MS } }]) });

  const { firstStartedAt = 0, notBefore = 0 } = row(0);
  expect(states()).toEqual(['succeeded']);
  expect(firstStartedAt - notBefore).toBeLessThan(MINUTE_MS + 2 * SECOND_MS);
});

test('a planned job holds up no other job of its group', async () => {
  const { row } = await scenario({
    queue: 'testflight',
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 5 * SECOND_MS }]),
    beside: [load('feedback', 'good')],
  });

  expect((row(1).endedAt ?? 0) - row(1).time).toBeLessThan(MINUTE_MS);
});

test.each([
  ['lost', 'succeeded', 1],
  ['mute', 'cancelled (operator)', 0],
] as const)(
  'a mail about a build whose answer is %s is not sent again, and its job ends as %s',
  async (fault, state, mails) => {
    const { states, reached } = await scenario({
      queue: 'testflight',
      jobs: jobs('build'),
      calls: calls('apple.notifyBuild', fault),
      resolution: { after: HOUR_MS },
    });

    expect(states()).toEqual([state]);
    expect(reached('effect build mail')).toBe(mails);
  },
);

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
