import { evidenceItem } from '../../../lib/emails/events/webhook';
import { evidenceKey, jobKey } from '../../../lib/jobs/keys';
import type { JobRow } from '../../../lib/jobs/row';
import type { Item } from '../../../lib/ports';
import { markExpiredEntries } from '../../../lib/reconcile/ends';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { outage } from '../../support/faults';
import { memoryClock } from '../../support/memory-clock';
import { reconcileRun } from '../../support/reconcile-run';
import { rejects, sampleContract, sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The time of an engine that has just started. */
const START = memoryClock().now();

test.each([
  ['record', 'objects.create', () => 'done'],
  ['DLQ entry', 'queues.send', rejects],
])('an ended job whose %s could not be written gets it within minutes', async (_what, call, work) => {
  const store = outage(call);
  const { engine } = sampleEngine(work, store);
  await engine.sendAndDeliver(envelope());
  const written = () => [Object.keys(engine.records()).length, engine.deadLetters().length];
  const before = written();

  store.down = false;
  await engine.reconcileAfter(5 * MINUTE);

  const isDead = work === rejects;
  expect(before).not.toEqual([1, Number(isDead)]);
  expect(written()).toEqual([1, Number(isDead)]);
  expect(engine.row(jobId(1)).recordedAt).toBeDefined();
  if (isDead)
    expect(engine.deadLetters()).toMatchObject([
      { body: envelope(), attributes: { code: { StringValue: 'Rejected' } } },
    ]);
});

test('a job that was not sent ends after a quarter of an hour, also beside a shard whose query fails', async () => {
  const { engine } = sampleEngine(undefined, outage('table.due', { of: '#unsent#0' }));
  for (let n = 1; n <= 40; n++) await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id: jobId(n) }), 0);

  await engine.reconcileAfter(14 * MINUTE);
  const early = engine.rows().map(({ state }) => state);
  await engine.reconcileAfter(MINUTE);

  expect(new Set(early)).toEqual(new Set(['queued']));
  const left = engine.rows().filter(({ state }) => state === 'queued');
  expect(new Set(left.map(({ todo }) => todo))).toEqual(new Set(['sample#unsent#0']));
});

test('a sent job whose message outlived its retention expires, with a warning before, a record and no DLQ entry', async () => {
  const { engine } = sampleEngine();
  await engine.deps.ledger.write({ ...acceptedRow(START), sentAt: START }, 0);

  await engine.reconcileAfter(13 * DAY);
  const before = engine.row(jobId(1)).state;
  await engine.reconcileAfter(DAY + 60 * MINUTE);

  expect(before).toBe('queued');
  expect(engine.facts).toMatchObject([{ fact: 'jobs-expired', subject: 'sample', jobId: jobId(1), on: true }]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired', error: { code: 'Expired' } });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', reason: 'expired' }]);
  expect(engine.deadLetters()).toEqual([]);
});

test('a sent job does not expire while a longer retention keeps its message', async () => {
  const { engine, effects } = sampleEngine();
  await engine.accept(envelope(1));
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, sentAt: engine.clock.now() }));
  Object.assign(engine.deps.settings('sample'), { retention: 28 * 86_400 });

  await engine.reconcileAfter(15 * DAY);
  const { state, todoAt = 0 } = engine.row(jobId(1));
  await engine.reconcileAfter(14 * DAY);

  expect([state, todoAt > engine.clock.now() - DAY]).toEqual(['queued', true]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired' });
  expect(effects).toEqual([]);
});

test("a dead job's row says when its DLQ entry expired, and its body is deleted a day before the row", async () => {
  const { engine } = sampleEngine(rejects);
  await engine.sendAndDeliver(envelope());
  const bodies = () => engine.objects.keys().filter((key) => key.includes('_bodies'));

  await engine.reconcileAfter(14 * DAY + MINUTE);
  const expired = engine.row(jobId(1));
  const kept = bodies();
  await engine.reconcileAfter(44 * DAY + MINUTE);

  expect(expired.leftDlqAt).toBeDefined();
  expect(kept).toHaveLength(1);
  expect(bodies()).toEqual([]);
  const left = (engine.row(jobId(1)).expiresAt ?? 0) * 1000 - engine.clock.now();
  expect([left > 0, left <= DAY + MINUTE]).toEqual([true, true]);
});

test('a job that is parked again while the reconciler marks its old entry as expired keeps its new entry', async () => {
  let race = async () => {};
  const { engine } = sampleEngine(rejects, { before: (call) => (call === 'table.put' ? race() : undefined) });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(14 * DAY + MINUTE);
  const { key } = engine.row(jobId(1));
  race = async () => {
    race = async () => {};
    const item = (await engine.table.get(key)) as Item;
    await engine.table.put({ ...item, parkedAt: engine.clock.now(), version: item.version + 1 }, item.version);
  };

  await markExpiredEntries(reconcileRun(engine.deps), 'sample', () => true);

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', parkedAt: engine.clock.now() });
  expect(engine.row(jobId(1)).leftDlqAt).toBeUndefined();
});

const DELIVERED = { at: START, event: 'delivered' };

/** A job of the queue `emails` with an unknown step. `addEvidence` stores evidence about it. */
async function started(changes: Partial<JobRow> = {}) {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'emails' }));
  const made = { ...acceptedRow(START), key: jobKey('emails', jobId(1)), queue: 'emails' };
  const steps = { send: { status: 'unknown' as const, startedAt: START } };
  await engine.deps.ledger.write({ ...made, firstStartedAt: START, steps, ...changes }, 0);
  const addEvidence = (changes: object = {}) =>
    engine.table.put({ ...evidenceItem('emails', jobId(1), DELIVERED), version: 1, ...changes }, 0);
  const item = () => engine.table.item(evidenceKey('emails', 'send', jobId(1)));
  return { engine, addEvidence, item, row: () => engine.row(jobId(1)) };
}

test.each<[string, unknown, boolean, Partial<JobRow>?]>([
  ['from a little before the first run of its job is in the row', { ...DELIVERED, at: START - MINUTE }, true],
  ['from half an hour before it changes nothing', { ...DELIVERED, at: START - 30 * MINUTE }, false],
  ['that is nothing changes nothing', null, false],
  ['that is a text changes nothing', 'delivered', false],
  ['without a time changes nothing', { event: 'delivered' }, false],
  ['with a number as the id changes nothing', { at: START, event: 'delivered', messageId: 7 }, false],
  ['beside that in the row changes nothing', DELIVERED, false, { evidence: { send: { at: 1, event: 'processed' } } }],
])('evidence %s, and is deleted', async (_what, evidence, counts, known = {}) => {
  const { engine, addEvidence, item, row } = await started(known);
  const before = row();
  await addEvidence({ evidence });

  await engine.reconcile();

  if (counts) expect(row().evidence).toEqual({ send: evidence });
  else expect(row()).toEqual(before);
  expect(item()).toBeUndefined();
});

test('evidence about a job without a row is deleted', async () => {
  const { engine, addEvidence, item, row } = await started();
  await engine.table.delete(row().key, 1);
  await addEvidence();

  await engine.reconcile();

  expect(item()).toBeUndefined();
  expect(engine.rows()).toEqual([]);
});

test('an item under a key of other work is left alone', async () => {
  const { engine, addEvidence, row } = await started();
  await addEvidence({ key: 'vendor#sendgrid' });

  await engine.reconcile();

  expect(engine.table.item('vendor#sendgrid')).toMatchObject({ version: 1 });
  expect(row().evidence).toBeUndefined();
});
