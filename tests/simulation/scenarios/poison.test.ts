import { chunkId } from '../../../lib/emails/campaigns/chunk';
import { reportOf } from '../promises/campaigns-are-exact';
import { campaignsOf, chunkRow } from '../world/campaigns';
import { jobs, many, scenario } from './scenario';

const QUEUES = [
  { queue: 'feedback', batch: 1 },
  { queue: 'bulk', batch: 1 },
  { queue: 'bulk', batch: 10 },
  { queue: 'bulk-standard', batch: 10 },
];

describe.each(QUEUES)('in $queue, in batches of $batch', (queue) => {
  test.each(['kills-before', 'kills-after'] as const)(
    'a job that %s its claim does not harm the nine jobs beside it',
    async (kind) => {
      const others = many(9, 'good', (index) => ({ group: 1 + (index % 3) }));

      const { states } = await scenario({
        ...queue,
        unpolled: { from: 0, until: 1_000 },
        jobs: [...others.slice(0, 4), ...jobs(kind), ...others.slice(4)],
      });

      expect(states().toSpliced(4, 1)).toEqual(others.map(() => 'succeeded'));
      expect(states()[4]).toBe('dead (crash)');
    },
  );

  test('a poison message does not harm the jobs of its own group before and after it', async () => {
    const { states } = await scenario({
      ...queue,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs('good', ['kills-before', { at: 100 }], ['good', { at: 200 }], ['good', { at: 30_000 }]),
    });

    expect(states()).toEqual(['succeeded', 'dead (crash)', 'succeeded', 'succeeded']);
  });

  test('three poison messages are parked, and the seven jobs beside them succeed', async () => {
    const { states } = await scenario({
      ...queue,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs(
        ...(
          [
            'good',
            'kills-before',
            'good',
            'kills-after',
            'good',
            'good',
            'kills-before',
            'good',
            'good',
            'good',
          ] as const
        ).map((kind, group) => [kind, { group: group % 4 }] as [typeof kind, { group: number }]),
      ),
    });

    expect(states().filter((state) => state === 'dead (crash)')).toHaveLength(3);
    expect(states().filter((state) => state === 'succeeded')).toHaveLength(7);
  });
});

test.each(['chunk-kills-before', 'chunk-kills-after'] as const)(
  'a campaign with a %s chunk ends without its recipients, and every other recipient gets a mail',
  async (kind) => {
    const { world } = await scenario({ queue: 'campaigns', jobs: jobs([kind, { group: 1 }], ['good', { at: 1_000 }]) });

    const [campaign, other] = campaignsOf(world);
    if (!campaign || !other) throw new Error('a campaign is missing');
    expect(chunkRow(world, campaign, 1)).toMatchObject({
      state: 'dead',
      reason: 'crash',
      error: { code: 'CrashLoop' },
    });
    expect(await reportOf(world, campaign)).toMatchObject({
      status: 'ended',
      ...{ recipients: 7, accepted: 4, refused: 3 },
      jobs: { refused: [chunkId(campaign.id, 1)] },
    });
    expect(await reportOf(world, other)).toMatchObject({ status: 'ended', recipients: 5, accepted: 5 });
  },
);
