import { evidenceItem } from '../../../lib/emails/events/webhook';
import { evidenceKey, jobKey } from '../../../lib/jobs/keys';
import { acceptedRow } from '../../support/accepted-row';
import { jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const KEY = evidenceKey('emails', 'send', jobId(1));

/** A job of the queue `emails` with an unknown step. `addEvidence` stores evidence about it. */
async function started() {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'emails' }));
  const { deps, clock, table } = engine;
  const row = { ...acceptedRow(clock.now()), key: jobKey('emails', jobId(1)), queue: 'emails' };
  const steps = { send: { status: 'unknown' as const, startedAt: clock.now() } };
  await deps.ledger.write({ ...row, firstStartedAt: clock.now(), steps }, 0);
  const addEvidence = (evidence: unknown = { at: clock.now(), event: 'delivered' }) => {
    const item = evidenceItem('emails', jobId(1), { at: clock.now(), event: 'delivered' });
    return table.put({ ...item, version: 1, evidence }, 0);
  };
  return { engine, addEvidence, item: () => table.item(KEY), row: () => engine.row(jobId(1)) };
}

test.each([
  ['a little before', 60_000, true],
  ['half an hour before', 30 * 60_000, false],
])('evidence from %s the first run of its job: %i ms, counts: %s', async (_when, ms, counts) => {
  const { engine, addEvidence, item, row } = await started();
  await addEvidence({ at: engine.clock.now() - ms, event: 'delivered' });

  await engine.reconcile();

  expect(row().evidence?.send !== undefined).toBe(counts);
  expect(item()).toBeUndefined();
});

test('evidence in the row stays as it is', async () => {
  const { engine, addEvidence, item, row } = await started();
  await engine.deps.ledger.update(jobKey('emails', jobId(1)), (now) => ({
    ...now,
    evidence: { send: { at: 1, event: 'processed' } },
  }));
  await addEvidence();

  await engine.reconcile();

  expect(row().evidence).toEqual({ send: { at: 1, event: 'processed' } });
  expect(item()).toBeUndefined();
});

test.each([
  ['nothing', null],
  ['a text', 'delivered'],
  ['no time', { event: 'delivered' }],
  ['a number as the id', { at: 1, event: 'delivered', messageId: 7 }],
])('evidence that is %s is deleted and does not damage the row', async (_what, evidence) => {
  const { engine, addEvidence, item, row } = await started();
  const before = row();
  await addEvidence(evidence);

  await engine.reconcile();

  expect(row()).toEqual(before);
  expect(item()).toBeUndefined();
});

test('evidence about a job without a row is deleted', async () => {
  const { engine, addEvidence, item } = await started();
  await engine.table.delete(jobKey('emails', jobId(1)), 1);
  await addEvidence();

  await engine.reconcile();

  expect(item()).toBeUndefined();
  expect(engine.rows()).toEqual([]);
});

test('an item under a key of other work is left alone', async () => {
  const { engine } = await started();
  const forged = { ...evidenceItem('emails', jobId(1), { at: 1, event: 'delivered' }), key: 'vendor#sendgrid' };
  await engine.table.put({ ...forged, version: 1 }, 0);

  await engine.reconcile();

  expect(engine.table.item('vendor#sendgrid')).toMatchObject({ version: 1 });
  expect(engine.row(jobId(1)).evidence).toBeUndefined();
});
