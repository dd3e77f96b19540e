import { ItemDamagedError } from '../../../../lib/engine/jobs/items';
import { todoKey, vendorKey } from '../../../../lib/engine/jobs/keys';
import { type Circuit, circuitBreakers, DAMAGED } from '../../../../lib/engine/worker/circuit';
import { listCampaigns } from '../../../../lib/operate/ops/campaigns';
import type { Reader } from '../../../../lib/operate/ops/operator';
import { StoreError } from '../../../../lib/platform/errors';
import type { Item } from '../../../../lib/platform/ports';
import { type Campaign, campaigns, storedCampaignSchema } from '../../../../lib/queues/emails/campaigns/campaign';
import { guardCampaigns } from '../../../../lib/queues/emails/campaigns/guard';
import { CAMPAIGNS, campaignKey, EMAILS_QUEUE } from '../../../../lib/queues/emails/queue';
import { unfinishedWork } from '../../../../packages/cli/preflight';
import { damagedItem } from '../../../support/damage';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';
import { reconcileRun } from '../../../support/reconcile-run';
import { sampleContract, sampleEngine } from '../../../support/sample-contract';
import { wholeCampaign } from '../../../support/whole-campaign';

const ZENDESK = vendorKey('zendesk');
const limit = { at: 1, by: 'operator', reason: 'a test', until: 2 };
const whole: Required<Omit<Circuit, keyof Item>> & Record<string, unknown> = {
  ...{ stoppedAt: 1, code: 'ZendeskUnavailable', retryAt: 2, trial: { until: 3 }, forbidden: ['hash'], refusals: 1 },
  ...{ transients: 1, failedTrials: 1, worked: [{ job: 'id', at: 1 }], paused: limit, pausedMs: 1 },
  rate: { ...limit, perSecond: 10 },
};
const REQUIRED = ['forbidden', 'transients'];

/** The item, with each of its fields in each damaged form. */
function damages(item: Record<string, unknown>, isRequired: (field: string) => boolean) {
  const { key: _key, ...fields } = item;
  return Object.entries(fields).flatMap(([field, value]) => {
    const others = typeof value === 'number' ? ['1', -1, Number.MAX_VALUE] : [typeof value === 'string' ? 1 : 'text'];
    const forms = [null, ...others, ...(isRequired(field) ? [undefined] : [])];
    // A number that any value fits, such as a place in an order.
    return forms
      .filter((form) => field !== 'startTag' || typeof form !== 'number')
      .map((form) => [field, form] as const);
  });
}

/** The circuit breakers of a table that holds this circuit. */
async function circuitOf(item: Record<string, unknown>) {
  const table = memoryTable();
  await table.put({ key: ZENDESK, version: 0, writer: '', ...item } as Item, 0);
  await damagedItem(table, ZENDESK, (stored) => ({ ...stored, version: 1, writer: 'w' }));
  return { table, circuits: circuitBreakers({ table, clock: memoryClock(), random: memoryRandom() }) };
}

test.each(damages(whole, (field) => REQUIRED.includes(field)))(
  'a circuit with %s as %j reads as a pause, and nothing replaces it',
  async (field, form) => {
    const { table, circuits } = await circuitOf({ ...whole, [field]: form });
    const before = table.item(ZENDESK);

    const read = await circuits.read('zendesk');
    const entered = await circuits.enter('zendesk', 1);

    expect([read?.paused?.by, entered.circuit?.paused?.by, entered.trial]).toEqual([DAMAGED, DAMAGED, false]);
    await expect(circuits.close('zendesk', 'job')).rejects.toThrow(ItemDamagedError);
    expect(table.item(ZENDESK)).toEqual(before);
  },
);

test('attributes of a newer release are in the circuit after each change', async () => {
  const { table, circuits } = await circuitOf({ ...whole, paused: undefined, rate: undefined, kind: 'newer' });

  await circuits.endTrial('zendesk', { failed: true });
  await circuits.close('zendesk', 'job');
  await circuits.transient('zendesk', 'ZendeskUnavailable');

  expect(table.item(ZENDESK)).toMatchObject({ kind: 'newer', transients: 1, forbidden: [] });
  expect(table.item(ZENDESK)).not.toHaveProperty('stoppedAt');
});

test('a damaged circuit holds the jobs of its vendor, is told by its key, and lets them go once it is restored', async () => {
  const { engine, effects } = sampleEngine(async (_job, context) => {
    await context.vendor('zendesk', async () => 'done');
  });
  await engine.deps.circuits.transient('zendesk', 'ZendeskUnavailable');
  const sound = engine.table.item(ZENDESK) as Item;
  await damagedItem(engine.table, ZENDESK, ({ forbidden: _gone, ...rest }) => rest);

  for (const n of [1, 2, 3]) await engine.sendAndDeliver(envelope(n), { group: `g${n}` });
  for (let n = 0; n < 20; n++) await engine.reconcileAfter(60_000);
  const meanwhile = engine.rows().map(({ state, reason }) => `${state} ${reason}`);
  await damagedItem(engine.table, ZENDESK, () => sound);
  await engine.reconcileAfter(60_000);
  await engine.work();

  expect(meanwhile).toEqual(Array(3).fill('held stopped'));
  expect(engine.rows().map(({ state }) => state)).toEqual(Array(3).fill('succeeded'));
  expect(effects).toEqual([jobId(1), jobId(2), jobId(3)]);
  const told = engine.facts.filter(({ fact, on }) => fact === 'item-damaged' && on);
  expect(told).toMatchObject([{ subject: '', code: ZENDESK }]);
});

test.each(
  damages(
    { ...wholeCampaign('spring') },
    (field) => !storedCampaignSchema.shape[field as 'wave'].safeParse(undefined).success,
  ),
)('a campaign with %s as %j is refused to each reader, and nothing replaces it', async (field, form) => {
  const { deps, table } = memoryEngine(() => sampleContract().contract);
  const store = campaigns(deps);
  await table.put({ ...wholeCampaign('spring'), version: 1 } as Campaign as unknown as Item, 0);
  await damagedItem(table, campaignKey('spring'), (item) => ({ ...item, [field]: form }));
  const before = table.item(campaignKey('spring'));

  const acts = [
    store.read('spring'),
    store.pause('spring'),
    store.cancel('spring'),
    store.refused('spring', 'Rejected'),
  ];

  const results = await Promise.allSettled(acts);
  expect(results.map((result) => result.status === 'rejected' && result.reason instanceof StoreError)).toEqual(
    acts.map(() => true),
  );
  expect(table.item(campaignKey('spring'))).toEqual(before);
});

test.each(['history', 'sent', 'time'])(
  'a campaign without %s hides no other one, and counts as unfinished',
  async (field) => {
    const { deps, table } = memoryEngine(() => sampleContract().contract);
    const listed = { todo: todoKey(EMAILS_QUEUE, 'campaign'), todoAt: 1, accepted: CAMPAIGNS };
    for (const id of ['spring', 'summer']) await table.put({ ...wholeCampaign(id, listed), version: 1 } as never, 0);
    await damagedItem(table, campaignKey('spring'), ({ [field]: _gone, ...rest }) => rest);
    const reader = deps as unknown as Reader;

    for (const day of [undefined, 0]) {
      const { campaigns: found, damaged } = await listCampaigns(reader, day);
      expect([found.map(({ id }) => id), damaged]).toEqual([['summer'], field === 'time' && day === 0 ? 0 : 1]);
    }
    expect(await unfinishedWork(reader, [])).toBe(2);
  },
);

test('the events about a damaged campaign keep the guard from no other one, and stay until it is restored', async () => {
  const { deps, table } = memoryEngine(() => sampleContract().contract);
  for (const id of ['spring', 'summer']) await table.put({ ...wholeCampaign(id), version: 1 } as never, 0);
  const whole = table.item(campaignKey('spring')) as Item;
  await damagedItem(table, campaignKey('spring'), ({ history: _gone, ...rest }) => rest);
  const note = (campaign: string, at: number) =>
    ({
      ...{ key: `reports#${campaign}#${at}`, version: 1, writer: 'webhook', campaign, round: 0 },
      ...{ places: { bounced: [at] }, todo: todoKey(EMAILS_QUEUE, 'reports'), todoAt: at },
    }) as never;
  for (let at = 0; at < 2_000; at++) await table.put(note('spring', at), 0);
  await table.put(note('summer', 2_000), 0);
  const run = { ...reconcileRun(deps), queueNames: [EMAILS_QUEUE] };
  const bounced = (id: string) => table.item(campaignKey(id))?.reports;

  for (let poll = 0; poll < 2; poll++) await guardCampaigns(run, () => true);
  expect(bounced('summer')).toMatchObject([{ bounced: 1 }]);

  await damagedItem(table, campaignKey('spring'), () => whole);
  await guardCampaigns({ ...run, clock: { ...deps.clock, now: () => deps.clock.now() + 10 * 60_000 } }, () => true);
  expect(bounced('spring')).toMatchObject([{ bounced: 2_000 }]);
});
