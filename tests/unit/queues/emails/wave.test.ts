import type { JobRow } from '../../../../lib/engine/jobs/row';
import { type Campaign, chunkId, NO_REPORTS } from '../../../../lib/queues/emails/campaigns/campaign';
import { judgeWave, mustWait } from '../../../../lib/queues/emails/campaigns/wave';

const NOW = 1_000_000;
const GUARD = { bounces: 5, reports: 0.1, refused: 20, first: 500, wait: 600 };
const NEW = { from: 0, again: [], mails: 0 };

/** Of 100 chunks of 200 recipients. `delivered`: mails of this round that have an event. */
const aCampaign = ({ delivered = 0, ...changes }: Partial<Campaign> & { delivered?: number }) =>
  ({
    ...{ id: 'spring', status: 'running', round: 0, reports: [{ ...NO_REPORTS, delivered }] },
    ...{ chunks: 100, chunkSize: 200, recipients: 20_000, released: 0, open: [], wave: NEW, ...changes },
  }) as unknown as Campaign;

/** A letter for each open chunk: what its row is. */
const ROWS: Record<string, object> = {
  q: { state: 'queued' },
  p: { state: 'held', reason: 'paused' },
  u: { state: 'held', reason: 'unknown' },
};

interface Given extends Partial<Campaign> {
  delivered?: number;
  rows?: string;
  guard?: Partial<typeof GUARD>;
}

const resumed = { released: 3, open: [0, 1, 2], wave: { from: 3, again: [], mails: 0 } };
const out = (mails: number, outAt?: number) => ({
  released: 2,
  wave: { from: 0, again: [], mails, ...(outAt && { outAt }) },
});
const ALL = Number.POSITIVE_INFINITY;
const OVER = [ALL, undefined];

test.each<[string, Given, (number | object | undefined)[]]>([
  ['begins with whole chunks', {}, [500, NEW]],
  ['has one chunk at least', { guard: { first: 50 } }, [200, NEW]],
  ['is full when the next chunk does not fit', { released: 2, open: [0, 1], rows: 'qq' }, [0, NEW]],
  ['counts no recipient who got no mail', out(90), [410, out(90).wave]],
  ['waits for its events when it is out', { ...out(400), delivered: 359 }, [0, out(400, NOW).wave]],
  ['is over when nine of ten mails have one', { ...out(400), delivered: 360 }, OVER],
  ['waits on', { ...out(400, NOW - 599_999) }, [0, out(400, NOW - 599_999).wave]],
  ['is over when the wait is', { ...out(400, NOW - 600_000) }, OVER],
  ['counts a chunk that may be out', { released: 2, open: [0, 1], rows: 'uu' }, [0, { ...NEW, outAt: NOW }]],
  [
    'takes the held chunks of before a pause first',
    { ...resumed, rows: 'ppp' },
    [0, { ...resumed.wave, again: [0, 1] }],
  ],
  ['waits for a chunk that a worker still has', { ...resumed, rows: 'qqu' }, [500, resumed.wave]],
  ['is over at once without a wait', { guard: { wait: 0 } }, OVER],
  ['stays as it is while the campaign is paused', { status: 'paused' }, [ALL, NEW]],
  ['is over for a campaign that had none', { wave: undefined }, OVER],
])('a first wave %s', (_rule, { rows = '', guard, ...given }, expected) => {
  const campaign = aCampaign(given);
  const found = new Map(campaign.open.map((number, place) => [number, ROWS[rows[place] ?? ''] as JobRow]));
  const isStuck = (number: number) => found.get(number)?.reason === 'unknown';

  const { room, wave } = judgeWave(campaign, { rows: found, isStuck, guard: { ...GUARD, ...guard }, now: NOW });

  expect([room, wave]).toEqual(expected);
});

test('a chunk behind the wave waits, and neither one of the wave nor one that an operator retries', () => {
  const campaign = aCampaign({ ...resumed, open: [0, 1], wave: { from: 3, again: [1], mails: 0 } });
  const waits = [0, 1, 2, 3].map((number) => mustWait(campaign, chunkId(campaign.id, number)));

  expect(waits).toEqual([true, false, false, false]);
});

test('no chunk waits behind the wave of a campaign that was cancelled, or it would never end', () => {
  const campaign = aCampaign({ ...resumed, status: 'cancelled', open: [0], wave: { from: 3, again: [], mails: 0 } });

  expect(mustWait(campaign, chunkId(campaign.id, 0))).toBe(false);
});
