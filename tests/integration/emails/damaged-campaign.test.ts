import { chunkId } from '../../../lib/emails/campaigns/chunk';
import { campaignReport } from '../../../lib/emails/report';
import { campaignKey } from '../../../lib/jobs/keys';
import type { Item } from '../../../lib/ports';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails({ rate: 10 });
});
afterEach(() => emails.close());

/** Damages a campaign of which some chunks were sent, and runs what is left. Answers how many chunks it had released. */
async function damaged(changes: object): Promise<number> {
  await emails.campaign({ recipients: 60, chunkSize: 10 });
  await emails.engine.reconcile();
  await emails.engine.deliver(1);
  const item = (await emails.engine.table.get(campaignKey(CAMPAIGN))) as Item;
  expect(item.released).toBeGreaterThan(0);
  await emails.engine.table.delete(item.key, item.version);
  await emails.engine.table.put({ ...item, ...changes }, 0);
  await emails.engine.drain({ batch: 1, hours: 1 });
  return item.released as number;
}

const addresses = () => emails.sendgrid.mails.flatMap(({ to }) => to);
const read = async () => {
  const campaign = await emails.campaigns.read(CAMPAIGN);
  if (!campaign) throw new Error('there is no campaign');
  return campaign;
};

test('a campaign that lost its cursor goes on where it was, and sends nothing twice', async () => {
  await damaged({ released: true, open: 'x', refusals: null, status: 1 });

  expect(await read()).toMatchObject({ status: 'ended', released: 6, open: [], damage: 'status' });
  expect(addresses()).toHaveLength(60);
  expect(new Set(addresses()).size).toBe(60);
});

test('a campaign of which nothing says whether it may send is paused until an operator resumes it', async () => {
  await damaged({ status: undefined, history: undefined });

  expect(await read()).toMatchObject({ status: 'paused', reason: 'CampaignDamaged' });
  expect(emails.engine.told).toMatchObject([{ fact: 'campaign-paused', subject: CAMPAIGN, code: 'CampaignDamaged' }]);
  await emails.campaigns.resume(CAMPAIGN);
  await emails.engine.drain({ batch: 1, hours: 1 });
  expect(await read()).toMatchObject({ status: 'ended' });
  expect(new Set(addresses()).size).toBe(60);
  expect(addresses()).toHaveLength(60);
});

test('a campaign that lost its plan is cancelled, and its report names what it lost', async () => {
  await damaged({ manifest: 'gone' });

  const campaign = await read();
  expect(campaign).toMatchObject({ status: 'cancelled', reason: 'CampaignDamaged', endedAt: expect.any(Number) });
  const report = await campaignReport(emails.engine.deps, campaign);
  expect(report).toMatchObject({ damage: 'manifest', recipients: 60, underWay: 0 });
  expect(report.accepted).toBe(addresses().length);
  expect(emails.engine.row(chunkId(CAMPAIGN, 0))).toBeDefined();
});

test.each([
  ['its source', { source: 1 }],
  ['its time', { time: null }],
  ['its start', { startsAt: 'soon' }],
  ['its manifest', { manifest: true }],
  ['the size of its chunks', { chunkSize: -1 }],
  ['its recipients', { recipients: 'x' }],
  ['its chunks', { chunks: undefined }],
])('a campaign that lost %s stays cancelled if it also loses its status later', async (_lost, changes) => {
  await damaged(changes);
  const item = (await emails.engine.table.get(campaignKey(CAMPAIGN))) as Item;
  await emails.engine.table.put({ ...item, status: true } as unknown as Item, item.version);

  expect(await read()).toMatchObject({ status: 'cancelled' });
});

test.each([
  ['its plan and its cursor', { chunks: undefined, released: true }],
  ['its plan, its cursor and what was open', { chunks: undefined, released: true, open: 'x' }],
])('a campaign that lost %s finds its released chunks, and ends after them', async (_lost, changes) => {
  const released = await damaged(changes);

  expect(await read()).toMatchObject({ status: 'cancelled', released, open: [], endedAt: expect.any(Number) });
});
