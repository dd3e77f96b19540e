import { heldNow, type RateItem } from '../../../../lib/mail/rate';
import { type Campaign, campaigns } from '../../../../lib/queues/emails/campaigns/campaign';
import { countChunks } from '../../../../lib/queues/emails/campaigns/chunks';
import { nextOf } from '../../../../lib/queues/emails/campaigns/release';
import { memoryEngine } from '../../../support/engine';
import { sampleContract } from '../../../support/sample-contract';
import { wholeCampaign } from '../../../support/whole-campaign';

const aCampaign = (id: string, changes: Partial<Campaign>): { campaign: Campaign } => ({
  campaign: wholeCampaign(id, { startTag: undefined, ...changes }),
});

test('at the same tag, a campaign that has released nothing is next, then the one with the smallest chunk, then the oldest', () => {
  const campaigns = new Set([
    aCampaign('begun', { startTag: 0, chunkSize: 10, released: 1 }),
    aCampaign('large', { chunkSize: 1_000, startsAt: 0 }),
    aCampaign('younger', { startsAt: 3 }),
    aCampaign('older', { startsAt: 2 }),
  ]);
  const order: string[] = [];
  for (let next = nextOf(campaigns, 10); next; next = nextOf(campaigns, 10)) {
    order.push(next.campaign.id);
    campaigns.delete(next);
  }

  expect(order).toEqual(['older', 'younger', 'large', 'begun']);
});

test.each([
  ['is sent if it fits exactly', { sent: 15, recipients: 10 }, undefined],
  ['waits if released chunks leave it too little', { sent: 10, recipients: 10, ahead: 6 }, 'DailyCapReached'],
  ['is sent if it is larger than the cap, of which one is left', { sent: 24, recipients: 40 }, undefined],
  ['waits if it is larger than the cap, which is used up', { sent: 25, recipients: 40 }, 'DailyCapReached'],
])('at a daily cap of 25 a chunk %s', (_what, { sent, ...chunk }, code) => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  const stored = { countedAt: now, sent } as RateItem;

  expect(heldNow({ zone: 'UTC', dailyCap: 25 }, stored, { now, ...chunk })?.code).toBe(code);
});

/** A running campaign that has released nothing. */
async function stored() {
  const { deps } = memoryEngine(() => sampleContract().contract);
  const store = campaigns(deps);
  await store.start({ ...aCampaign('spring', {}).campaign, time: deps.clock.now() });
  return { deps: { ...deps, report: async () => {} }, store };
}

test('after a resume a campaign bears as many refused chunks as before', async () => {
  const { store } = await stored();
  const refuse = async () => (await store.refused('spring', 'Rejected')).item?.status;
  for (let n = 0; n < 3; n++) await refuse();
  await store.resume('spring');

  expect([await refuse(), await refuse(), await refuse()]).toEqual(['running', 'running', 'paused']);
});

test.each(['pause', 'cancel'] as const)('refused chunks of a campaign change nothing after a %s', async (what) => {
  const { store } = await stored();
  await store[what]('spring');
  const before = (await store.read('spring'))?.status;
  for (let n = 0; n < 4; n++) await store.refused('spring', 'Rejected');

  expect(await store.read('spring')).toMatchObject({ status: before, ...(what === 'pause' && { reason: 'operator' }) });
});

test('a chunk that is released while its cancelled campaign is counted keeps the campaign from its end', async () => {
  const { deps, store } = await stored();
  const { item } = await store.cancel('spring');
  await store.change('spring', (now) => ({ ...now, released: 1, open: [0] }));

  const { campaign } = await countChunks(deps, item as Campaign);

  expect(campaign).toMatchObject({ status: 'cancelled', open: [0] });
  expect(campaign.endedAt).toBeUndefined();
});
