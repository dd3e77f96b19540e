import { PermanentError, WaitError } from '../../../lib/errors';
import type { Reason, State } from '../../../lib/jobs/row';
import { explain } from '../../../lib/ops/explain';
import { timeline } from '../../../lib/ops/timeline';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { inState } from '../../support/in-state';
import { sampleContract } from '../../support/sample-contract';

const PLACES: [State, Reason | undefined, string[]][] = [
  ['queued', undefined, ['cancel']],
  ['processing', undefined, []],
  ['succeeded', undefined, []],
  ['held', 'throttled', ['cancel']],
  ['held', 'retry', ['cancel']],
  ['held', 'paused', ['cancel']],
  ['held', 'stopped', ['cancel']],
  ['held', 'behind', ['cancel']],
  ['held', 'unknown', ['settle', 'cancel']],
  ['dead', 'error', ['retry', 'discard']],
  ['dead', 'crash', ['retry', 'discard']],
  ['dead', 'expired', ['retry', 'discard']],
  ['cancelled', 'never-sent', []],
  ['cancelled', 'operator', ['retry']],
];

test.each(PLACES)('a job that is %s (%s) has a sentence, a next step, and the actions %j', (state, reason, actions) => {
  const row = { ...acceptedRow(0), state: inState(state), parkedAt: 1, ...(reason === undefined ? {} : { reason }) };

  const explained = explain(row);

  expect(explained.actions).toEqual(actions);
  for (const text of [explained.sentence, explained.next]) expect(text).toMatch(/^[A-Za-z].+\.$/);
  expect(explained.sentence).not.toContain('undefined');
});

test('the sentence names the vendor, the code, and the time until which a job waits', () => {
  const error = { class: 'stop' as const, code: 'Unauthorized', message: '401', vendor: 'zendesk' };
  const held = { ...acceptedRow(0), state: inState('held'), retryAt: Date.UTC(2026, 0, 2, 3, 4, 5) };

  expect(explain({ ...held, reason: 'stopped', error }).sentence).toBe(
    'zendesk refuses our calls (Unauthorized), so its circuit breaker is open.',
  );
  expect(explain({ ...held, reason: 'throttled', vendor: 'sendgrid' }).sentence).toBe(
    'sendgrid asked us to wait until 2026-01-02 03:04:05 UTC.',
  );
});

test('a timeline has the wait in the queue, each attempt with its outcome, each wait, and each step inside its run', async () => {
  let calls = 0;
  const { contract } = sampleContract(() => {
    calls += 1;
    if (calls === 1) throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  const engine = memoryEngine(() => contract);
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1) })));
  await engine.deliver();
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
