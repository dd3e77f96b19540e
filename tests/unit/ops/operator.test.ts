import { auditKey, bodyKey } from '../../../lib/jobs/keys';
import { cancel, discard, retry, settle } from '../../../lib/ops/act';
import { audit } from '../../../lib/ops/operator';
import { acceptedRow } from '../../support/accepted-row';
import { memoryDeployment } from '../../support/deployment';
import { anEnvelope, jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

const ARN = 'arn:aws:sts::123456789012:assumed-role/Operator/jane@example.com';

/** A job in the table, as the test needs it. */
async function engineWith(end: object) {
  const { engine } = sampleEngine();
  const row = { ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now(), ...end };
  await engine.deps.ledger.write(row, 0);
  engine.deps.audit = 'the-audit';
  await engine.objects.put(
    bodyKey('jobs', SAMPLE_QUEUE, jobId(1)),
    JSON.stringify(anEnvelope({ id: jobId(1) })),
    'application/json',
  );
  return engine;
}

const lastEntry = (engine: Awaited<ReturnType<typeof engineWith>>) => engine.row(jobId(1)).history.at(-1);

test('the object says when who did what and why, and its ids sort by time', async () => {
  const { engine } = sampleEngine();
  const act = { action: 'jobs cancel', arguments: { id: jobId(1) }, stage: 'prod' };
  const deps = { ...memoryDeployment(engine).deployment, instance: 'acme', by: ARN };

  const first = await audit(deps, { ...act, reason: 'asked by the customer' });
  engine.clock.advance(1);
  const second = await audit(deps, act);

  expect(JSON.parse(engine.objects.text(auditKey('jobs', first)))).toEqual({
    audit: 1,
    id: first,
    at: new Date(engine.clock.now() - 1).toISOString(),
    ...{ ...act, instance: 'acme', by: ARN },
    reason: 'asked by the customer',
  });
  expect([first, second].toSorted()).toEqual([first, second]);
});

const DEAD = { state: inState('dead'), reason: 'error', parkedAt: 1, endedAt: 1, recordedAt: 1, bodyKept: true };
const CANCELLED = { state: inState('cancelled'), reason: 'operator', endedAt: 1 };
const unknown = { ticket: { status: 'unknown', startedAt: 1 } };

test.each([
  ['a cancel', {}, cancel, 'cancelled (operator)'],
  ['a retry', DEAD, retry, 'reopened (operator)'],
  ['a retry after a cancel', CANCELLED, retry, 'reopened (operator)'],
  ['a discard', DEAD, discard, 'DLQ entry discarded (operator)'],
  [
    'a decision about one of two unknown steps',
    { state: inState('held'), reason: 'unknown', steps: { ...unknown, confirm: unknown.ticket } },
    (...[deps, row]: Parameters<typeof cancel>) => settle(deps, { row, step: 'ticket', as: 'done' }),
    'ticket settled as done (operator)',
  ],
] as const)('the history of a job names the object of %s, not the person', async (_what, end, act, event) => {
  const engine = await engineWith(end);

  await act(engine.deps, engine.row(jobId(1)));

  expect(lastEntry(engine)).toMatchObject({ event, note: 'audit the-audit' });
});
