import { readdirSync, readFileSync } from 'node:fs';
import { appended, blankRow, type JobRow } from '../../../../lib/engine/jobs/row';
import * as follow from '../../../../lib/engine/jobs/transitions';
import { inState } from '../../../support/in-state';

const AT = Date.UTC(2026, 0, 2);
const error = { class: 'permanent' as const, code: 'Rejected', message: 'rejected' };
const run = { at: AT, messageId: 'm', counts: true };
const owed = { step: 'confirmation', vendor: 'sendgrid' as const, result: { ticketId: '1' } };
const delivery = { messageId: 'm', receiveCount: 1, sentAt: AT, at: AT };

/** Every arrow with suitable facts. */
const FOLLOW: Record<follow.ArrowName, (row: JobRow) => JobRow> = {
  plan: (row) => follow.plan(row, AT),
  claim: (row) => follow.claim(row, { at: AT, delivery, lease: { token: 't', until: AT, messageId: 'm' } }),
  succeed: (row) => follow.succeed(row, { at: AT, messageId: 'm', result: 'done' }),
  giveUp: (row) => follow.giveUp({ ...row, owed }, { at: AT, code: 'SendgridRejected' }),
  retry: (row) => follow.retry(row, { ...run, error, waitMs: 1 }),
  giveBack: (row) => follow.giveBack(row, { at: AT, messageId: 'm', error }),
  hold: (row) => holdFor('throttled', row),
  park: (row) => follow.park(row, { ...run, error, reason: 'error', bodyKept: true }),
  stop: (row) => follow.stop(row, { at: AT, messageId: 'm', reason: 'superseded', note: 'by j' }),
  release: (row) => follow.release(row, AT),
  endWithoutBody: (row) => follow.endWithoutBody(row, { at: AT, error }),
  parkPoison: (row) => follow.parkPoison(row, { at: AT, messageId: 'm', reason: 'crash', error }),
  expire: (row) => follow.expire(row, { at: AT, error }),
  neverSent: (row) => follow.neverSent(row, AT),
  cancel: (row) => follow.cancel(row, AT),
  resolve: (row) => follow.resolve(row, AT),
  reopen: (row) => follow.reopen(row, { at: AT, event: 'reopened (operator)', note: 'audit 1' }),
  resend: (row) => follow.resend(row, { at: AT, event: 'resent (operator)', note: 'audit 1', owed }),
};

function holdFor(reason: 'throttled' | 'retry', row = rowIn('processing')): JobRow {
  return follow.hold(row, { ...run, error, reason, waitMs: 1, bodyKept: true });
}

/** A row in a place. */
function rowIn(place: follow.FromState): JobRow {
  const row = blankRow({ queue: 'feedback', id: '1', time: AT, payloadHash: 'h', group: 'g', now: AT });
  const [, state = '', reason] = /^(\w+)(?: \((.+)\))?$/.exec(place) ?? [];
  return { ...row, state: inState(state as JobRow['state']), ...(reason && { reason: reason as 'operator' }) };
}

const PAIRS = (Object.keys(follow.ARROWS) as follow.ArrowName[]).flatMap((arrow) =>
  follow.FROM_STATES.map((place) => [arrow, place] as const),
);

test.each(PAIRS)('%s from %s is refused, or reaches its state with a new history entry', (arrow, place) => {
  const row = rowIn(place);
  const from: readonly follow.FromState[] = follow.ARROWS[arrow].from;

  if (!from.includes(place)) {
    expect(() => FOLLOW[arrow](row)).toThrow(follow.IllegalTransitionError);
    expect(follow.mayFollow(row, arrow)).toBe(false);
    return;
  }
  const after = FOLLOW[arrow](row);

  expect(after.state).toBe(follow.ARROWS[arrow].to);
  expect(follow.fromStateOf(after)).toBeDefined();
  if (arrow !== 'resolve') expect(after.history.length).toBeGreaterThan(row.history.length);
});

const held = (reason: 'throttled' | 'retry' | 'stopped') => ({ ...rowIn('held'), reason, retryAt: AT - 5 });
const redriven = { ...rowIn('dead'), dueSince: AT - 5 };

test.each<[string, JobRow, Partial<JobRow>]>([
  ['a second hold keeps the first time', FOLLOW.hold({ ...rowIn('processing'), heldSince: 1 }), { heldSince: 1 }],
  ['a cancelled job that is planned has a life more', FOLLOW.plan(rowIn('cancelled (never-sent)')), { generation: 2 }],
  ['a retry was due when its wait was over', FOLLOW.release(held('retry')), { dueSince: AT - 5 }],
  ['a throttled job was due when its wait was over', FOLLOW.release(held('throttled')), { dueSince: AT - 5 }],
  ['a job that waited for its vendor is due only now', FOLLOW.release(held('stopped')), { dueSince: AT }],
  ['a redriven job is due since its message was sent', FOLLOW.claim(redriven), { dueSince: AT }],
])('%s', (_what, after, expected) => {
  expect(after).toMatchObject(expected);
});

test('a hold for a retry begins no wait', () => {
  expect(holdFor('retry')).not.toHaveProperty('heldSince');
  expect(holdFor('throttled')).toHaveProperty('heldSince', AT);
});

test.each([
  ['the first of a job that no run has had', [], { firstSequence: '7' }],
  ['no first one if a run has had the job', [delivery], {}],
])('the number of a message that we send is that of %s', (_what, deliveries, expected) => {
  const { firstSequence } = follow.sent({ ...rowIn('queued'), deliveries }, { at: AT, messageId: 'm', sequence: '7' });

  expect(firstSequence === undefined ? {} : { firstSequence }).toEqual(expected);
});

test('no lease is left after a run has ended', () => {
  const row = { ...rowIn('processing'), lease: { token: 't', until: AT, messageId: 'm' } };
  const ends = (Object.keys(follow.ARROWS) as follow.ArrowName[]).filter(
    (arrow) => arrow !== 'claim' && follow.mayFollow(row, arrow),
  );

  expect(ends.filter((arrow) => FOLLOW[arrow](row).lease)).toEqual([]);
});

test.each([
  ['claim', 'dead'],
  ['claim', 'cancelled (never-sent)'],
  ['reopen', 'cancelled (operator)'],
] as const)('%s of a job that is %s begins without attempts, crashes, holds and vendor failures', (arrow, place) => {
  const row = { ...rowIn(place), attempts: 3, crashes: 2, crashesSinceOpened: 2, failingSince: AT, heldSince: AT };

  const opened = FOLLOW[arrow](row);

  expect(opened).toMatchObject({ attempts: 0, crashes: 0 });
  for (const name of ['crashesSinceOpened', 'failingSince', 'heldSince']) expect(opened).not.toHaveProperty(name);
});

test('a run without an outcome counts as a crash and an attempt', () => {
  const row = { ...rowIn('processing'), attempts: 1 };

  expect(FOLLOW.claim(row)).toMatchObject({ attempts: 2, crashes: 1, crashesSinceOpened: 1 });
});

test.each(['hold', 'park', 'stop'] as const)('%s spends the message of the run, so it cannot run again', (arrow) => {
  expect(FOLLOW[arrow](rowIn('processing')).spentMessageIds).toEqual(['m']);
});

test.each([
  ['the group of the job', 'g', {}],
  ['another group', 'h', { otherGroup: true }],
])('a message in %s says so in its delivery', (_what, group, said) => {
  const lease = { token: 't', until: AT, messageId: 'm' };

  const { deliveries } = follow.claim(rowIn('queued'), { at: AT, delivery, group, lease });
  expect(deliveries).toEqual([{ ...delivery, ...said }]);
});

test.each([
  ['release', 'held'],
  ['resend', 'succeeded'],
] as const)(
  '%s forgets when the job was sent, so that a send that fails is made again and the job does not expire',
  (arrow, place) => {
    expect(FOLLOW[arrow]({ ...rowIn(place), sentAt: AT }).sentAt).toBeUndefined();
  },
);

test('no message runs a job that waits outside its queue, that succeeded, that an operator cancelled, or that a later command replaced', () => {
  const closed = ['held', 'succeeded', 'cancelled (operator)', 'cancelled (superseded)'];
  expect(follow.FROM_STATES.filter((place) => follow.isClosed(rowIn(place)))).toEqual(closed);
  expect(follow.FROM_STATES.filter((place) => follow.isCancelledByOperator(rowIn(place)))).toEqual([
    'cancelled (operator)',
  ]);
});

test('docs/jobs.md says of each arrow who follows it and when', () => {
  const page = readFileSync('docs/jobs.md', 'utf8');

  for (const [name, { from, to }] of Object.entries(follow.ARROWS)) {
    const places = from.join(', ').replace(/[()]/g, '\\$&');
    expect(page).toMatch(new RegExp(`^\\| ${places} \\| \`${name}\` \\| ${to} \\| \\w+ \\| .+ \\|$`, 'm'));
  }
});

test('a full list keeps how it began and what came last', () => {
  let list: number[] = [];
  for (let entry = 1; entry <= 1_000; entry++) list = appended(list, entry);

  expect(list).toHaveLength(100);
  expect(list.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  expect(list.slice(50)).toEqual(Array.from({ length: 50 }, (_, index) => index + 951));
});

test('no worker searches a history, because a full one has lost entries', () => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const searches = /history(\)|\?)?\.(at|every|filter|find|findLast|findLastIndex|some)\(/;

  const searching = files.filter((name) => searches.test(readFileSync(`lib/${name}`, 'utf8')));

  // A transition looks only at the last entry.
  expect(searching.toSorted()).toEqual(['engine/jobs/transitions.ts']);
});
