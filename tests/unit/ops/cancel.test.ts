import { WaitError } from '../../../lib/errors';
import { cancel } from '../../../lib/ops/act';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;

/** An engine with a held job. */
async function held() {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 5 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  return engine;
}

test('a cancelled job that was queued has a record, and its message is acknowledged without effects', async () => {
  const { engine, effects } = sampleEngine();
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0);
  engine.send(envelope());

  await cancel(engine.deps, engine.row(jobId(1)));
  const { batchItemFailures } = await engine.deliver();

  expect(batchItemFailures).toEqual([]);
  expect(effects).toEqual([]);
  expect(engine.inQueue()).toBe(0);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'cancelled', reason: 'operator' });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'cancelled', reason: 'operator' }]);
});

test('a cancelled job that was held is not released', async () => {
  const engine = await held();

  await cancel(engine.deps, engine.row(jobId(1)));
  engine.clock.advance(10 * MINUTE);
  await engine.reconcile();

  expect(engine.inQueue()).toBe(0);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'cancelled', reason: 'operator' });
  expect(engine.row(jobId(1))).not.toHaveProperty('retryAt');
});

test('a message that was released during the cancel is acknowledged', async () => {
  const engine = await held();
  const released = { body: envelope(), groupId: 'g', deduplicationId: 'h' };
  await engine.deps.queues.send(engine.deps.queueUrl('sample'), released);

  await cancel(engine.deps, engine.row(jobId(1)));
  await engine.deliver();

  expect(engine.inQueue()).toBe(0);
  expect(engine.row(jobId(1)).state).toBe('cancelled');
});

test('a job that a worker is running cannot be cancelled, but a job whose run crashed can', async () => {
  const { engine } = sampleEngine();
  const until = engine.clock.now() + MINUTE;
  const lease = { token: 't', until, messageId: 'm', alone: true };
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), state: inState('processing'), lease }, 0);

  await expect(cancel(engine.deps, engine.row(jobId(1)))).rejects.toThrow(
    'is being processed. Wait a few minutes for the outcome',
  );
  engine.clock.advance(MINUTE);
  await cancel(engine.deps, engine.row(jobId(1)));

  expect(engine.row(jobId(1)).state).toBe('cancelled');
  expect(engine.row(jobId(1))).not.toHaveProperty('lease');
});

test('an ended job cannot be cancelled, and cancelling twice is harmless', async () => {
  const { engine } = sampleEngine();
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id: jobId(2) }), 0);

  await cancel(engine.deps, engine.row(jobId(2)));
  const once = engine.row(jobId(2));
  await cancel(engine.deps, once);

  expect(engine.row(jobId(2))).toEqual(once);
  await expect(cancel(engine.deps, engine.row(jobId(1)))).rejects.toThrow(
    'is succeeded: only a queued or held job can be cancelled',
  );
});
