import { noteFiles } from '../../../../lib/engine/jobs/files';
import {
  DAMAGED,
  endLease,
  ItemDamagedError,
  readPause,
  reconcilerRuns,
  takeLease,
} from '../../../../lib/engine/jobs/items';
import {
  canaryKey,
  factsKey,
  fileKey,
  pauseKey,
  reconcilerKey,
  returnsKey,
  todoKey,
  vendorKey,
} from '../../../../lib/engine/jobs/keys';
import { watchCanary } from '../../../../lib/engine/reconcile/measure';
import { noteUnread } from '../../../../lib/engine/reconcile/returns';
import { type Circuit, circuitBreakers } from '../../../../lib/engine/worker/circuit';
import { rateKey, sharedRate } from '../../../../lib/mail/rate';
import { foldSuppressed, suppressionList } from '../../../../lib/mail/suppression';
import { listCampaigns } from '../../../../lib/operate/ops/campaigns';
import type { Reader } from '../../../../lib/operate/ops/operator';
import { pauseQueue, resumeQueue } from '../../../../lib/operate/ops/pause';
import { StoreError } from '../../../../lib/platform/errors';
import type { Item } from '../../../../lib/platform/ports';
import { hoursLeases } from '../../../../lib/queues/analytics/hours';
import { hoursKey } from '../../../../lib/queues/analytics/queue';
import { type Campaign, campaigns, storedCampaignSchema } from '../../../../lib/queues/emails/campaigns/campaign';
import { guardCampaigns } from '../../../../lib/queues/emails/campaigns/guard';
import { CAMPAIGNS, campaignKey, EMAILS_QUEUE } from '../../../../lib/queues/emails/queue';
import { mailLimit } from '../../../../lib/queues/feedback/process';
import { unfinishedWork } from '../../../../packages/cli/preflight';
import { damagedItem } from '../../../support/damage';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { hashed } from '../../../support/hash-people';
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

  await circuits.endTrial('zendesk', { failed: 'Down' });
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

type Engine = ReturnType<typeof memoryEngine>;
const MINUTE_MS = 60_000;
const lease = { holder: 'another run', until: 1, doubtAt: 1 };
const failing = [
  { kind: 'releaseDue', queue: 'sample', code: 'Unexpected', jobId: 'id', times: 1, jobs: 1, since: 1, at: 1 },
];
const fact = { kind: 'circuit-open', subject: 'zendesk', code: 'Down', jobId: 'id', count: 1, note: 'text' };
const told = { ...fact, since: 1, offAt: 1, sent: true, quiet: false };

/** What can be made anew: its key, all its attributes, those that it must have, and what reads and writes it. */
const RENEWABLE: Record<
  string,
  [key: string, whole: Record<string, unknown>, required: string[], act: (engine: Engine) => Promise<unknown>]
> = {
  'the lease of the reconciler': [
    reconcilerKey,
    { ...lease, failing, endedAt: 1, lastRunAt: 1 },
    ['holder', 'until'],
    ({ deps, clock }) =>
      leased(takeLease(deps, reconcilerRuns, reconcilerKey, clock.now() + MINUTE_MS), (taken) =>
        endLease(deps, reconcilerRuns, taken),
      ),
  ],
  'the lease of hours': [
    hoursKey,
    {
      ...{ ...lease, through: 1, tooLarge: [[1, 1]] },
      pending: [
        [1, 1],
        [2, 1, { after: 'key', objects: 1, bytes: 1, again: true }],
      ],
    },
    ['holder', 'until'],
    ({ deps, clock }) =>
      leased(takeLease(deps, hoursLeases, hoursKey, clock.now() + MINUTE_MS), (taken) =>
        endLease(deps, hoursLeases, taken),
      ),
  ],
  'a rate': [
    rateKey('sendgrid'),
    {
      ...{ rate: 10, campaigns: 1, alone: 1, messages: 1, whole: 1, messageAt: 1, load: 0.1, blockedUntil: 1 },
      ...{ countedAt: 1, sent: 1 },
    },
    ['rate', 'campaigns', 'alone', 'messages', 'whole', 'messageAt', 'blockedUntil', 'countedAt'],
    ({ deps }) =>
      sharedRate({ ...deps, rate: 10 }, 'sendgrid').reserve({ recipients: 1, use: 'campaign', withinMs: MINUTE_MS }),
  ],
  'a canary': [
    canaryKey('sample'),
    { id: jobId(1), at: 1 },
    ['id', 'at'],
    ({ deps }) => watchCanary(reconcileRun(deps, MINUTE_MS), 'sample', () => true),
  ],
  'the last return': [
    returnsKey('sample'),
    { watched: ['key'], messages: ['id'], at: 1, single: true, unread: 1 },
    ['watched', 'at', 'single'],
    ({ deps }) => noteUnread(reconcileRun(deps), 'sample', 2),
  ],
  facts: [
    factsKey,
    { facts: { name: told } },
    ['facts'],
    ({ deps }) => reconcileRun(deps).report({ kind: 'circuit-open', subject: 'sendgrid', code: 'Down' }),
  ],
  'the mails of an address': [
    `person#feedback#${hashed('mailed:ann@example.com')[0]}`,
    { jobs: { id: 1 } },
    ['jobs'],
    ({ deps }) => mailLimit(deps)({ id: 'job', email: 'ann@example.com', isKnown: true }),
  ],
};

async function leased<L>(taking: Promise<L | undefined>, end: (lease: L) => Promise<void>): Promise<void> {
  const taken = await taking;
  if (!taken) throw new Error('another run has the lease');
  await end(taken);
}

test.each(
  Object.entries(RENEWABLE).flatMap(([name, [, whole, required]]) =>
    damages({ key: '', ...whole }, (field) => required.includes(field)).map(
      ([field, form]) => [name, field, form] as const,
    ),
  ),
)('%s with %s as %j is made anew and told, and keeps all else that it has', async (name, field, form) => {
  const [key, whole, , act] = RENEWABLE[name] ?? [];
  const engine = memoryEngine(() => sampleContract().contract);
  const { table } = engine;
  await table.put({ key, version: 1, writer: 'w', ...whole, kind: 'newer' } as Item, 0);
  await damagedItem(table, key ?? '', (item) => ({ ...item, [field]: form }));

  await act?.(engine);
  const { length } = engine.lines.filter(({ facts: { code } }) => code === 'ItemDamaged');
  await act?.(engine);

  expect(engine.lines).toContainEqual({
    message: 'a damaged item is made anew',
    facts: { kind: key?.split('#')[0], field, code: 'ItemDamaged' },
  });
  const { [field]: now, ...stored } = table.item(key ?? '') as Item;
  expect([stored.kind, now === form]).toEqual(['newer', false]);
  // The second time there was nothing to tell.
  expect(engine.lines.filter(({ facts: { code } }) => code === 'ItemDamaged')).toHaveLength(length);
  expect(Object.keys(stored)).toEqual(expect.arrayContaining(Object.keys(whole ?? {}).filter((one) => one !== field)));
});

test.each([undefined, null, '1'])(
  'an item with the version %j is damaged: its writer gives up, and tries no other time',
  async (version) => {
    const { deps, table } = memoryEngine(() => sampleContract().contract);
    await noteFiles(deps, { queue: 'sample', id: jobId(1), files: ['object'] });
    await damagedItem(table, fileKey('object'), (item) => ({ ...item, version }));

    await expect(noteFiles(deps, { queue: 'sample', id: jobId(2), files: ['object'] })).rejects.toThrow(
      ItemDamagedError,
    );
  },
);

test('a lease that is damaged while another run may hold it leaves a doubt: a write of that run may still land', async () => {
  const { deps, table, clock } = memoryEngine(() => sampleContract().contract);
  await takeLease(deps, hoursLeases, hoursKey, clock.now() + MINUTE_MS);
  await damagedItem(table, hoursKey, (item) => ({ ...item, until: null }));
  clock.advance(1_000);

  const taken = await takeLease(deps, hoursLeases, hoursKey, clock.now() + MINUTE_MS);

  expect(taken).toMatchObject({ doubtAt: clock.now() });
});

test.each([
  ['list', null],
  ['list', 'text'],
  ['reason', 1],
  ['at', '1'],
])('a note about a suppressed address with %s as %j still keeps the address from mails', async (field, form) => {
  const { deps, table } = memoryEngine(() => sampleContract().contract);
  const list = suppressionList(deps);
  for (const email of ['ann@example.com', 'bob@example.com'])
    await list.note(deps, { email, reason: 'unsubscribed', at: 1 });
  const [key = ''] = table.items().map((item) => item.key);
  await damagedItem(table, key, (item) => ({ ...item, [field]: form }));

  await foldSuppressed(deps, list, () => true);

  const reasonOf = await list.check();
  expect(['ann@example.com', 'bob@example.com'].map(reasonOf)).toEqual(['unsubscribed', 'unsubscribed']);
});

test.each(damages({ key: '', ...limit }, (field) => field !== 'until'))(
  'a pause with %s as %j reads as a pause, is told by its key, and no command replaces it',
  async (field, form) => {
    const engine = memoryEngine(() => sampleContract().contract);
    const { deps, table, clock } = engine;
    const mappings = { isOn: async () => false, set: async () => {} };
    const monitoring = { series: async () => [[]], firing: async () => [] };
    const operator = { ...deps, mappings, monitoring, by: 'jane' } as unknown as Parameters<typeof resumeQueue>[0];
    await table.put({ key: pauseKey('sample'), version: 1, writer: 'w', ...limit } as Item, 0);
    await damagedItem(table, pauseKey('sample'), (item) => ({ ...item, [field]: form }));
    const before = table.item(pauseKey('sample'));

    await expect(resumeQueue(operator, 'sample')).rejects.toThrow('the item pause#sample of the table is damaged');
    await pauseQueue(operator, { queue: 'sample', reason: 'another' });
    clock.advance(60 * MINUTE_MS - (clock.now() % (60 * MINUTE_MS)));
    await engine.reconcile();
    await engine.reconcileAfter(20 * MINUTE_MS);

    expect((await readPause(deps, 'sample'))?.by).toBe(DAMAGED);
    expect(table.item(pauseKey('sample'))).toEqual(before);
    expect(engine.facts).toMatchObject([
      { fact: 'item-damaged', subject: 'sample', code: pauseKey('sample'), on: true },
    ]);
  },
);
