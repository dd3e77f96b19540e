import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { reportOf } from '../promises/campaigns-are-exact';
import { campaignsOf, chunkRow } from '../world/campaigns';
import { jobs, scenario } from './scenario';

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
