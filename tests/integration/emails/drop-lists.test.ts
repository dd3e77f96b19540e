import { dropLists } from '../../../lib/emails/campaigns/chunks';
import { campaignKeys } from '../../../lib/emails/manifest';
import { retry } from '../../../lib/ops/act';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { jobId, PREFIX } from '../../support/engine';
import { createKills, type Kills } from '../../support/kills';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const mayGoOn = () => true;

let emails: Emails;
let kills: Kills;
beforeEach(async () => {
  kills = createKills();
  emails = await startEmails({ rate: 100, before: kills.before, after: kills.after });
});
afterEach(() => emails.close());

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

test.each(['before', 'after'] as const)(
  'a run that is killed %s any of its calls leaves the rest to the next run',
  async (when) => {
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

      end = await kills.run(() => dropLists(engine.deps, mayGoOn), { call: ++call, when });
      if (stored()?.listsDropped) expect([call, await listed()]).toEqual([call, []]);
      await dropLists(engine.deps, mayGoOn);

      expect([call, await listed(), stored()?.listsDropped]).toEqual([call, [], true]);
    }
    expect(call).toBeGreaterThan(10);
  },
);
