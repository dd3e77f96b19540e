import type { JobEvent, JobRow, Reason, State } from '../../../lib/jobs/row';
import { explain, timeline } from '../../../packages/console/explain';
import { acceptedRow } from '../../support/accepted-row';
import { inState } from '../../support/in-state';

const PLACES: [State, Reason | undefined, string[], Partial<JobRow>?][] = [
  ['queued', undefined, ['cancel']],
  ['processing', undefined, [], { lease: { token: 't', until: 1, messageId: 'm', alone: true } }],
  ['processing', undefined, ['cancel']],
  ['succeeded', undefined, []],
  ['held', 'throttled', ['cancel']],
  ['held', 'retry', ['cancel']],
  ['held', 'paused', ['cancel']],
  ['held', 'stopped', ['cancel']],
  ['held', 'unknown', ['settle', 'cancel']],
  ['dead', 'error', ['retry', 'discard']],
  ['dead', 'error', ['retry'], { leftDlqAt: 1 }],
  ['dead', 'crash', ['retry', 'discard']],
  ['dead', 'expired', ['retry']],
  ['cancelled', 'never-sent', []],
  ['cancelled', 'never-sent', ['retry'], { bodyKept: true }],
  ['cancelled', 'operator', ['retry']],
  ['cancelled', 'superseded', []],
];

test.each(PLACES)('a job that is %s (%s) has a sentence, a next step, and the actions %j', (...place) => {
  const [state, reason, actions, change] = place;
  const row = { ...acceptedRow(0), state: inState(state), sentAt: 0, ...(reason && { reason }), ...change };

  const explained = explain(row, 0);

  expect(explained.actions).toEqual(actions);
  for (const text of [explained.sentence, explained.next]) expect(text).toMatch(/^[A-Za-z].+\.$/);
  expect(explained.sentence).not.toContain('undefined');
});

const CANCELLED = { state: inState('cancelled'), reason: 'operator' } as const;
const HELD = { state: inState('held'), reason: 'retry', retryAt: Date.UTC(2026, 0, 2) } as const;
const UNAUTHORIZED = { class: 'stop', code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk' } as const;
const DOWN = { class: 'ambiguous', code: 'ZendeskUnavailable', message: '503', vendor: 'zendesk' } as const;
const REJECTED = { class: 'permanent', code: 'Rejected', message: 'rejected' } as const;
const DEAD = { state: inState('dead'), reason: 'error' } as const;

test.each<[string, Partial<JobRow>, string]>([
  ['waits for its planned time', { ...HELD, notBefore: HELD.retryAt }, 'planned it, and it waits until 2026-01-02 00'],
  [
    'was planned and failed',
    { ...HELD, notBefore: 0, firstStartedAt: 1 },
    'An attempt failed, and it waits until 2026',
  ],
  ['a vendor throttled', { ...HELD, reason: 'throttled', vendor: 'sendgrid' }, 'sendgrid asked us to wait until 2026'],
  ['a vendor refuses', { ...HELD, reason: 'stopped', error: UNAUTHORIZED }, 'Renew the key, or sign the agreement.'],
  ['waits for a vendor that is down', { ...HELD, reason: 'stopped', error: DOWN }, 'circuit breaker is open. Wait.'],
  ['failed because a vendor was down', { ...DEAD, error: DOWN }, 'Retry it once zendesk works again.'],
  [
    'was discarded',
    { ...DEAD, error: REJECTED, discarded: true },
    'discarded it. Retry it, if it is wanted after all.',
  ],
  ['an operator cancelled', { ...CANCELLED, cancelledBy: 'audit 0190a1b2' }, 'An operator cancelled it.'],
  ['its producer cancelled', { ...CANCELLED, cancelledBy: 'by its producer' }, 'Its producer cancelled it.'],
  ['was cancelled by someone whom the row does not name', CANCELLED, 'An operator or its producer cancelled it.'],
])('the sentence says what is true of a job that %s, and the next step follows', (_what, change, text) => {
  const { sentence, next } = explain({ ...acceptedRow(0), ...change }, 0);

  expect(`${sentence} ${next}`).toContain(text);
});

test('a timeline has each entry of the history until the next, and each step, which ends with its job', async () => {
  const at = (from: number, event: JobEvent, more = {}) => ({ at: from, event, ...more });
  const history = [
    at(0, 'accepted'),
    at(10, 'started', { attempt: 1 }),
    at(50, 'dead (crash)', { error: { code: 'Crashed' } }),
  ] as JobRow['history'];
  const steps = { effect: { status: 'started' as const, startedAt: 10 } };
  const row = { ...acceptedRow(0), state: inState('dead'), reason: 'crash' as const, endedAt: 50, history, steps };

  expect(timeline(row)).toEqual([
    { label: 'accepted', from: 0, to: 10 },
    { label: 'started, attempt 1', from: 10, to: 50 },
    { label: 'step effect', from: 10, to: 50, note: 'started' },
    { label: 'dead (crash)', from: 50, to: 50, note: 'Crashed' },
  ]);
});
