import { WaitError } from '../../../lib/errors';
import { bodyKey } from '../../../lib/jobs/keys';
import type { JobRow, Reason, State } from '../../../lib/jobs/row';
import { cancel, discard, type JobAction, retry, type SimpleAction, whyNot } from '../../../lib/ops/act';
import { stateOf } from '../../../lib/ops/operator';
import { explain, timeline } from '../../../packages/console/explain';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, jobId, PREFIX } from '../../support/engine';
import { inState } from '../../support/in-state';
import { rejects, sampleEngine } from '../../support/sample-contract';

const PLACES: [State, Reason | undefined, string[]][] = [
  ['queued', undefined, ['cancel']],
  ['processing', undefined, []],
  ['succeeded', undefined, []],
  ['held', 'throttled', ['cancel']],
  ['held', 'retry', ['cancel']],
  ['held', 'paused', ['cancel']],
  ['held', 'stopped', ['cancel']],
  ['held', 'unknown', ['settle', 'cancel']],
  ['dead', 'error', ['retry', 'discard']],
  ['dead', 'crash', ['retry', 'discard']],
  ['dead', 'expired', ['retry']],
  ['cancelled', 'never-sent', []],
  ['cancelled', 'operator', ['retry']],
  ['cancelled', 'superseded', []],
];

test.each(PLACES)('a job that is %s (%s) has a sentence, a next step, and the actions %j', (state, reason, actions) => {
  const run = { token: 't', until: 1, messageId: 'm', alone: true };
  const of = { ...(reason && { reason }), ...(state === 'processing' && { lease: run }) };
  const row = { ...acceptedRow(0), state: inState(state), sentAt: 0, ...of };

  const explained = explain(row, 0);

  expect(explained.actions).toEqual(actions);
  for (const text of [explained.sentence, explained.next]) expect(text).toMatch(/^[A-Za-z].+\.$/);
  expect(explained.sentence).not.toContain('undefined');
});

const CANCELLED = { state: inState('cancelled'), reason: 'operator' } as const;

test.each<[string, Partial<JobRow>, string]>([
  [
    'waits for its planned time',
    { state: inState('held'), reason: 'retry', notBefore: Date.UTC(2026, 0, 2), retryAt: Date.UTC(2026, 0, 2) },
    'Its producer planned it, and it waits until 2026-01-02 00:00:00 UTC.',
  ],
  [
    'was planned and has failed since',
    { state: inState('held'), reason: 'retry', notBefore: 0, firstStartedAt: 1, retryAt: Date.UTC(2026, 0, 2) },
    'An attempt failed, and it waits until 2026-01-02 00:00:00 UTC.',
  ],
  ['an operator cancelled', { ...CANCELLED, cancelledBy: 'audit 0190a1b2' }, 'An operator cancelled it.'],
  ['its producer cancelled', { ...CANCELLED, cancelledBy: 'by its producer' }, 'Its producer cancelled it.'],
  ['was cancelled by someone whom the row does not name', CANCELLED, 'An operator or its producer cancelled it.'],
  [
    'was parked after crashes, perhaps with other outcomes between',
    { state: inState('dead'), reason: 'crash' },
    'It was parked because its runs crashed: they ended without an outcome.',
  ],
])('the sentence says what is true of a job that %s', (_what, change, sentence) => {
  expect(explain({ ...acceptedRow(0), ...change }, 0).sentence).toBe(sentence);
});

test.each<[string, Partial<JobRow>, JobAction, string[]]>([
  ['was never sent and has no body', { state: inState('cancelled'), reason: 'never-sent' }, 'retry', []],
  ['was never sent and has a body', { ...CANCELLED, reason: 'never-sent', bodyKept: true }, 'retry', ['retry']],
  ['is dead (expired)', { state: inState('dead'), reason: 'expired' }, 'discard', ['retry']],
  ['is dead, its entry not sent', { state: inState('dead'), reason: 'error' }, 'discard', ['retry', 'discard']],
  ['was discarded', { state: inState('dead'), reason: 'error', leftDlqAt: 1 }, 'discard', ['retry']],
  ['is run by a worker that died', { state: inState('processing') }, 'cancel', ['cancel']],
])('command and console agree about a job that %s', async (_what, change, action, actions) => {
  const { engine } = sampleEngine();
  const row = { ...acceptedRow(engine.clock.now()), ...change };
  await engine.deps.ledger.write(row, 0);
  const stored = engine.row(row.id);
  const able = actions.includes(action);

  expect(explain(stored, engine.clock.now()).actions).toEqual(actions);
  expect(whyNot[action as SimpleAction](stored, engine.clock.now()) === undefined).toBe(able);
  await engine.objects.put(bodyKey(PREFIX, 'sample', row.id), JSON.stringify(anEnvelope()), 'application/json');
  const refused = await { retry, cancel, discard }[action as SimpleAction](engine.deps, stored).then(
    (done) => (action === 'discard' && done === stored ? 'nothing to discard' : undefined),
    (error: Error) => error.message,
  );
  expect(refused === undefined).toBe(able);
});

test('the sentence names the vendor, the code, and the time until which a job waits', () => {
  const error = { class: 'stop' as const, code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk' };
  const held = { ...acceptedRow(0), state: inState('held'), retryAt: Date.UTC(2026, 0, 2, 3, 4, 5) };

  expect(explain({ ...held, reason: 'stopped', error }, 0).sentence).toBe(
    'zendesk refuses our calls (ZendeskUnauthorized), so its circuit breaker is open.',
  );
  const down = { class: 'ambiguous' as const, code: 'ZendeskUnavailable', message: '503', vendor: 'zendesk' };
  expect(explain({ ...held, reason: 'stopped', error: down }, 0)).toMatchObject({
    sentence: 'zendesk is down (ZendeskUnavailable), so its circuit breaker is open.',
    next: expect.stringMatching(/^Wait\./),
  });
  expect(explain({ ...held, state: inState('dead'), reason: 'error', error: down }, 0)).toMatchObject({
    sentence: 'Its last attempt failed: 503 (ZendeskUnavailable).',
    next: 'Retry it once zendesk works again. Discard it if it is no longer needed.',
  });
  expect(explain({ ...held, reason: 'throttled', vendor: 'sendgrid' }, 0).sentence).toBe(
    'sendgrid asked us to wait until 2026-01-02 03:04:05 UTC.',
  );
});

test('a timeline has the wait in the queue, each attempt with its outcome, each wait, and each step inside its run', async () => {
  let calls = 0;
  const { engine } = sampleEngine(() => {
    calls += 1;
    if (calls === 1) throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
    rejects();
  });
  await engine.sendAndDeliver(JSON.stringify(anEnvelope({ id: jobId(1) })));
  await engine.drain({ hours: 1 });

  const spans = timeline(engine.row(jobId(1)));

  expect(spans.map(({ kind, label, note }) => [kind, label, note])).toEqual(
    expect.arrayContaining([
      ['run', expect.any(String), expect.stringContaining('held (throttled)')],
      ['wait', 'held (throttled)', expect.anything()],
      ['run', expect.any(String), expect.stringContaining('dead (error): Rejected')],
    ]),
  );
  const wait = spans.find(({ kind }) => kind === 'wait');
  expect((wait?.to ?? 0) - (wait?.from ?? 0)).toBeGreaterThanOrEqual(300_000);
  expect(spans.every(({ from, to }) => to === undefined || to >= from)).toBe(true);
  expect(spans.map(({ from }) => from)).toEqual(spans.map(({ from }) => from).toSorted((a, b) => a - b));
});

test('no span of an ended job goes on: a step that was cut off ends with its job', () => {
  const steps = { effect: { status: 'started' as const, startedAt: 10 } };
  const row = { ...acceptedRow(0), state: inState('dead'), reason: 'crash' as const, endedAt: 50, steps };

  expect(timeline(row).find(({ kind }) => kind === 'step')).toMatchObject({ from: 10, to: 50 });
});

test('a discarded job is shown as such, with its cause', () => {
  const error = { class: 'permanent' as const, code: 'Rejected', message: 'rejected' };
  const row = { ...acceptedRow(0), state: inState('dead'), reason: 'error' as const, error, discarded: true as const };

  expect(stateOf(row)).toBe('discarded (error)');
  expect(explain(row, 3)).toMatchObject({
    sentence: 'It cannot succeed: rejected (Rejected). An operator discarded it.',
    next: 'Retry it, if it is wanted after all.',
  });
});
