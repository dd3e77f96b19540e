import { WaitError } from '../../../lib/errors';
import { jobKey } from '../../../lib/jobs/keys';
import { release } from '../../../lib/reconcile/release';
import { spendReceives } from '../../support/dead-letters';
import { envelope, jobId } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const body = (n: number) => envelope(n);

async function start() {
  const what = { waits: true };
  const { engine, effects } = sampleEngine(() => {
    if (what.waits) throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  const purge = () => {
    for (const { receiptHandle } of engine.receive().Records)
      engine.model.deleteMessage({ QueueUrl: engine.deps.queueUrl('sample'), ReceiptHandle: receiptHandle });
  };
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute++) {
      engine.clock.advance(MINUTE);
      await engine.reconcile();
    }
  };
  return { engine, effects, what, purge, pass };
}

const sent = ({ facts }: Awaited<ReturnType<typeof start>>['engine']) =>
  facts.filter(({ fact, on }) => fact === 'jobs-unclaimed' && on).map(({ jobId: id }) => id);

test('a released job whose message is gone is sent again from its kept body', async () => {
  const { engine, effects, what, purge, pass } = await start();
  await engine.accept(body(1));
  await engine.deliver();
  engine.clock.advance(MINUTE);
  await release(engine.deps, engine.row(jobId(1)));
  purge();
  what.waits = false;

  await pass(5);
  const early = engine.inQueue();
  await pass(15);
  await engine.deliver();

  expect(early).toBe(0);
  expect(effects).toEqual([jobId(1)]);
  expect(sent(engine)).toEqual([]);
});

test('a job is sent again although a person has deleted the DLQ entry of another, dead one', async () => {
  const { engine, effects, what, purge, pass } = await start();
  await engine.accept(body(1));
  await engine.deliver();
  const dead = { ...engine.row(jobId(1)), key: jobKey('sample', jobId(2)), id: jobId(2), version: 0 };
  const end = { state: 'dead' as const, reason: 'error' as const, endedAt: 1, recordedAt: 1, parkedAt: 1 };
  await engine.deps.ledger.write({ ...dead, ...end, bodyKept: false } as never, 0);
  engine.clock.advance(MINUTE);
  await release(engine.deps, engine.row(jobId(1)));
  purge();
  what.waits = false;

  await pass(20);
  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
});

test('an accepted job whose message is gone is reported, and ends only with the retention', async () => {
  const { engine, purge, pass } = await start();
  await engine.accept(body(1));
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, sentAt: engine.clock.now() }));
  purge();

  await pass(20);

  expect(sent(engine)).toEqual([jobId(1)]);
  expect(engine.row(jobId(1)).state).toBe('queued');
  engine.clock.advance(14 * DAY + 60 * MINUTE);
  await engine.reconcile();
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired' });
});

test('nothing is reported or sent while the queue still has messages, or its DLQ has one to judge', async () => {
  const { engine, pass } = await start();
  await engine.accept(body(1));
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, sentAt: engine.clock.now() }));

  await pass(20);
  const waiting = engine.inQueue();
  spendReceives(engine);
  await pass(1);

  expect(waiting).toBe(1);
  expect(sent(engine)).toEqual([]);
});
