import { retry } from '../../../lib/operate/ops/act';
import { waitsOf } from '../../../lib/operate/ops/campaigns';
import { StoreError } from '../../../lib/platform/errors';
import { chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { dropLists } from '../../../lib/queues/emails/campaigns/chunks';
import { campaignKeys } from '../../../lib/queues/emails/manifest';
import { damagedItem } from '../../support/damage';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { jobId, PREFIX } from '../../support/engine';
import { createKills, type Kills } from '../../support/kills';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let emails: Emails;
let kills: Kills;
beforeEach(async () => {
  kills = createKills();
  emails = await startEmails({ before: kills.before, after: kills.after });
});
afterEach(() => emails.close());

const read = () => emails.campaigns.read(CAMPAIGN);
const released = async () => (await read())?.released;

test('chunks are released for about three seconds of the rate, and more when those are sent', async () => {
  const { engine } = emails;
  await emails.campaign({ recipients: 1_150, chunkSize: 100 });

  await engine.reconcile();
  expect(engine.inQueue()).toBe(3);
  await engine.reconcile();
  expect(await released()).toBe(3);

  await engine.deliver(1);
  await engine.deliver(1);
  await engine.reconcile();
  // The second chunk was just sent and has taken the next second.
  expect(await released()).toBe(4);
  await emails.minutes(6);

  expect(await read()).toMatchObject({ status: 'ended', released: 12, open: [], endedAt: expect.any(Number) });
  expect(emails.sendgrid.mails).toHaveLength(1_150);
  expect(new Set(emails.sendgrid.mails.map(({ to }) => to[0])).size).toBe(1_150);
});

test('chunks are released while other work of the run takes a long time', async () => {
  const { engine } = emails;
  await emails.campaign({ recipients: 10_000, chunkSize: 100 });
  let goOn = () => {};
  const looked = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { due } = engine.deps.table;
  engine.deps.table.due = async (todo, options) => {
    if (todo === 'emails#held') await looked;
    return due(todo, options);
  };
  const { sleep } = engine.clock;
  engine.clock.sleep = async (ms) => {
    await sleep(ms);
    if (ms !== 2_000) return;
    while (engine.inQueue() > 0) await engine.deliver(1);
    if (((await released()) ?? 0) >= 15) goOn();
  };

  await engine.reconcile({ stayMs: 50_000 });

  expect(await released()).toBeGreaterThanOrEqual(15);
});

test('a pause ends with the campaign 75 days after its acceptance, while a refused chunk can still be retried with its list', async () => {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ bodyContains: chunkId(CAMPAIGN, 0), status: 400 });
  const { time } = await emails.campaign({ recipients: 1_000, chunkSize: 100 });
  await engine.reconcile();
  await engine.deliver(1);
  await emails.campaigns.pause(CAMPAIGN);
  await emails.minutes(1);

  engine.clock.advance(time + 75 * DAY - MINUTE - engine.clock.now());
  await emails.minutes(1);
  const before = await read();
  await emails.minutes(3);

  expect(before).toMatchObject({ status: 'paused', reason: 'operator' });
  expect(await read()).toMatchObject({ status: 'cancelled', reason: 'CampaignExpired', endedAt: expect.any(Number) });
  expect([emails.chunk(1).state, sendgrid.mails.length]).toEqual(['cancelled', 0]);
  expect(engine.facts.filter(({ fact }) => fact === 'campaign-expired')).toMatchObject([{ on: true }]);
});

test.each([
  [9, []],
  [11, [{ fact: 'events-missing', subject: CAMPAIGN, count: 11 }]],
])('a campaign of 20 mails, of which %i have no event half an hour after its end, tells %j', async (silent, told) => {
  await emails.campaign({ recipients: 20, chunkSize: 10 });
  await emails.minutes(2);
  await emails.tell(emails.events().slice(silent));

  await emails.minutes(35);

  expect(emails.engine.facts.filter(({ on }) => on)).toMatchObject(told);
  expect(await read()).toMatchObject({ status: 'ended', todo: 'emails#lists' });
});

test('many paused campaigns do not keep another one from being released, even if a poll has no time to read all', async () => {
  const { campaigns, engine } = emails;
  const plan = await emails.campaign({ recipients: 10, chunkSize: 10 });
  for (let n = 1; n <= 120; n++) {
    const id = jobId(1_000 + n);
    await campaigns.start({ ...plan, id, startsAt: plan.startsAt - 1 });
    await campaigns.pause(id);
  }
  const { get } = engine.deps.ledger;
  engine.deps.ledger.get = async (key) => {
    engine.clock.advance(200);
    return get(key);
  };

  await engine.reconcile({ stayMs: 50_000 });

  expect(await read()).toMatchObject({ status: 'running', released: 1 });
});

test('many chunks of a campaign that stays paused do not hold back chunks of another campaign', async () => {
  const { campaigns, engine, sendgrid } = emails;
  const short = jobId(101);
  await emails.campaign({ recipients: 120, chunkSize: 1 });
  await emails.campaign({ recipients: 1, id: short });
  await engine.reconcile();
  for (const id of [CAMPAIGN, short]) await campaigns.pause(id);
  await emails.minutes(1);
  await engine.reconcile();
  const before = engine.inQueue();

  await campaigns.resume(short);
  await engine.reconcile();
  const after = engine.inQueue();
  await emails.work();

  expect([before, after]).toEqual([0, 1]);
  expect(sendgrid.mails).toHaveLength(1);
  expect(engine.rows().filter(({ reason }) => reason === 'paused')).toHaveLength(120);
});

test('a campaign that cannot be read or released holds back no other one', async () => {
  const { engine, campaigns } = emails;
  const [unsendable, fine] = [jobId(101), jobId(102)];
  await emails.campaign({ recipients: 100 });
  await engine.reconcile();
  for (const id of [unsendable, fine]) await emails.campaign({ recipients: 100, id });
  const denied = Promise.reject(new StoreError({ code: 'DynamoDB.AccessDenied', message: 'denied' }));
  denied.catch(() => {});
  const { ledger, queues } = engine.deps;
  const { known } = ledger;
  const { send } = queues;
  ledger.known = (key) => (key.includes(chunkId(CAMPAIGN, 0)) ? denied : known(key));
  queues.send = (url, message) => (message.groupId === chunkId(unsendable, 0) ? denied : send(url, message));

  await engine.reconcile();

  const released = [await campaigns.read(unsendable), await campaigns.read(fine)].map((campaign) => campaign?.released);
  expect(released).toEqual([0, 10]);
});

test('a campaign says until when it waits for its window or its daily cap, and no run waits with it', async () => {
  await emails.close();
  emails = await startEmails({ limits: { zone: 'Europe/Berlin', between: '08:00–09:00', dailyCap: 25 } });
  const { engine, sendgrid } = emails;
  const campaign = await emails.campaign({ recipients: 50, chunkSize: 10 });
  const waits = async () => (await waitsOf(engine.deps))((await read()) ?? campaign);
  const begun = engine.clock.now();
  await engine.reconcile({ stayMs: 50_000 });
  const before = [await waits(), await released(), engine.clock.now() - begun < 10_000];

  engine.clock.advance(Date.parse('2026-01-02T07:00:00Z') - engine.clock.now());
  // SendGrid takes nothing of the first request, so its mails do not count for the day.
  sendgrid.fail({ status: 503 });
  await emails.minutes(30);

  expect(before).toEqual(['waits for its window at 08:00 Europe/Berlin', 0, true]);
  expect(await waits()).toBe('daily cap of 25 reached, goes on at 00:00 Europe/Berlin');
  expect([sendgrid.requests.length, sendgrid.mails.length, await released()]).toEqual([3, 20, 2]);
});

const listed = (campaign = CAMPAIGN) => emails.engine.objects.list(campaignKeys(PREFIX, campaign).home);
const stored = () => emails.engine.table.item(`campaign#${CAMPAIGN}`);

/** Releases and sends the campaign, and waits until its events are checked. */
async function ended(): Promise<void> {
  await emails.campaign();
  await emails.minutes(40);
  expect(stored()?.eventsChecked).toBe(true);
}

/** Goes on to the first full hour that is this many days after the campaign's end. */
function toDay(days: number): void {
  const { clock } = emails.engine;
  const at = Number(stored()?.endedAt) + days * DAY;
  clock.advance(Math.ceil(at / (60 * MINUTE)) * 60 * MINUTE - clock.now());
}

test('the lists of a campaign stay as long as its item, 45 days after its end, then the reconciler deletes them, and the item expires', async () => {
  await ended();
  await emails.engine.objects.put(`${campaignKeys(PREFIX, jobId(7)).home}recipients-0.ndjson`, 'another', 'text/plain');
  const before = await listed();
  toDay(44);
  await emails.engine.reconcile();
  toDay(45);
  await dropLists(emails.engine.deps, () => false);
  const withoutTime = await listed();

  await emails.engine.reconcile();

  expect(before.length).toBe(5);
  expect(withoutTime).toEqual(before);
  expect(await listed()).toEqual([]);
  expect(await listed(jobId(7))).toHaveLength(1);
  const item = stored();
  expect([item?.listsDropped, item?.todo]).toEqual([true, undefined]);
  expect(item?.expiresAt).toBe(Math.ceil((Number(item?.endedAt) + 45 * DAY) / 1000));
});

test('the lists of a damaged campaign stay', async () => {
  await ended();
  const before = await listed();
  toDay(45);
  await damagedItem(emails.engine.table, `campaign#${CAMPAIGN}`, ({ released: _gone, ...rest }) => rest);

  await expect(dropLists(emails.engine.deps, () => true)).rejects.toMatchObject({ code: 'ItemDamaged' });

  expect(await listed()).toEqual(before);
});

test('the lists stay while a dead chunk can be retried, and a day later they go', async () => {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ bodyContains: 'user-29@example.com', status: 400, times: 2 });
  await ended();
  toDay(43);
  await retry(engine.deps, emails.chunk(2));
  await emails.work();
  toDay(45);
  await engine.reconcile();
  const day45 = await listed();

  await retry(engine.deps, emails.chunk(2));
  await emails.work();
  toDay(46);
  await engine.reconcile();

  expect(day45).toHaveLength(5);
  expect(sendgrid.mails).toHaveLength(30);
  expect(await listed()).toEqual([]);
});

test.each(['before', 'after'] as const)('a run killed %s any call leaves the rest to the next run', async (when) => {
  await ended();
  const whole = await listed();
  const item = stored();
  toDay(45);
  let call = 0;
  for (let end = 'died'; end === 'died'; ) {
    const { engine } = emails;
    for (const key of whole) await engine.objects.put(key, 'an address', 'text/plain');
    await engine.table.delete(`campaign#${CAMPAIGN}`, Number(stored()?.version));
    await engine.table.put({ ...item, version: 1 } as never, 0);

    end = await kills.run(() => dropLists(engine.deps, () => true), { call: ++call, when });
    if (stored()?.listsDropped) expect([call, await listed()]).toEqual([call, []]);
    await dropLists(engine.deps, () => true);

    expect([call, await listed(), stored()?.listsDropped]).toEqual([call, [], true]);
  }
  expect(call).toBeGreaterThan(10);
});
