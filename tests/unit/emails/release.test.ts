import type { Campaign } from '../../../../lib/emails/campaigns/campaign';
import { nextOf, nextStartTag, virtualTime } from '../../../../lib/emails/campaigns/release';

type Given = Pick<Campaign, 'id'> & Partial<Pick<Campaign, 'chunkSize' | 'startTag' | 'released' | 'startsAt'>>;

const aCampaign = ({ chunkSize = 100, released = 0, startsAt = 0, ...campaign }: Given): Campaign =>
  ({ chunks: 1_000, recipients: 1_000 * chunkSize, chunkSize, released, startsAt, ...campaign }) as Campaign;

/** Releases this many chunks of the campaigns in turn, and adds up the recipients of each campaign. */
function release(campaigns: Campaign[], chunks: number): Record<string, number> {
  const got: Record<string, number> = {};
  for (let n = 0; n < chunks; n++) {
    const time = virtualTime(campaigns);
    const contenders = campaigns.map((campaign) => ({ campaign }));
    const next = nextOf(contenders, time)?.campaign;
    if (!next) throw new Error('there is no campaign');
    got[next.id] = (got[next.id] ?? 0) + next.chunkSize;
    next.startTag = nextStartTag(next, time);
    next.released += 1;
  }
  return got;
}

test('campaigns get the same number of recipients, whatever the sizes of their chunks', () => {
  const sizes = Object.entries({ large: 1_000, middle: 250, small: 50 });
  const campaigns = sizes.map(([id, chunkSize]) => aCampaign({ id, chunkSize }));

  expect(release(campaigns, 25)).toEqual({ large: 1_000, middle: 1_000, small: 1_000 });
  expect(release(campaigns, 10 * 25)).toEqual({ large: 10_000, middle: 10_000, small: 10_000 });
});

test('a campaign that is far ahead after its resume does not wait for the others to catch up', () => {
  const ahead = aCampaign({ id: 'ahead', startTag: 1_000_000, released: 500 });
  const others = [aCampaign({ id: 'a' }), aCampaign({ id: 'b', startTag: 0, released: 1 })];
  release(others, 10);

  expect(release([ahead, ...others], 30)).toEqual({ ahead: 1_000, a: 1_000, b: 1_000 });
});

test('of campaigns that have released nothing, the one with the smallest chunk goes first, then the oldest', () => {
  const campaigns = [
    aCampaign({ id: 'large', chunkSize: 1_000, startsAt: 1 }),
    aCampaign({ id: 'younger', startsAt: 3 }),
    aCampaign({ id: 'older', startsAt: 2 }),
  ];

  const order = [1, 2, 3].map(() => Object.keys(release(campaigns, 1))[0]);

  expect(order).toEqual(['older', 'younger', 'large']);
});
