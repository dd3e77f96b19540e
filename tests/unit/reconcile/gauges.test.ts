import { PermanentError, StopError, WaitError } from '../../../lib/errors';
import { type DlqExits, exitsSince } from '../../../lib/jobs/dlq-exits';
import { dlqKey } from '../../../lib/jobs/keys';
import { cancel } from '../../../lib/ops/cancel';
import { discard } from '../../../lib/ops/discard';
import { retry } from '../../../lib/ops/retry';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

type Engine = ReturnType<typeof memoryEngine>;
const MINUTE = 60_000;
const envelope = (n = 1) => JSON.stringify(anEnvelope({ id: jobId(n) }));
const about = { message: 'no', vendor: 'zendesk' } as const;
const last = ({ metrics }: Engine, name: string, dimension: string) =>
  metrics.findLast(
    (metric) => metric.name === name && (metric.dimensions.queue ?? metric.dimensions.vendor) === dimension,
  )?.value;

test('the oldest held job is measured over all its holds, and the gauge is 0 if no job is held', async () => {
  let throttled = true;
  const { contract } = sampleContract(() => {
    if (throttled) throw new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 10 * MINUTE });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  await engine.deliver();
  engine.clock.advance(10 * MINUTE);
  await engine.reconcile();
  await engine.deliver();
  engine.clock.advance(5 * MINUTE);

  await engine.reconcile();
  const whileHeld = last(engine, 'OldestHeld', SAMPLE_QUEUE);
  throttled = false;
  engine.clock.advance(5 * MINUTE);
  await engine.reconcile();
  await engine.deliver();
  await engine.reconcile();

  expect(whileHeld).toBe(15 * MINUTE);
  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});

test('a job that an operator cancelled and retried counts as held since its new hold', async () => {
  const { contract } = sampleContract(() => {
    throw new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 60 * MINUTE });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  await engine.deliver();
  await cancel(engine.deps, engine.row(jobId(1)));
  engine.clock.advance(10 * 24 * 60 * MINUTE);

  await retry(engine.deps, engine.row(jobId(1)));
  await engine.deliver();
  engine.clock.advance(5 * MINUTE);
  await engine.reconcile();

  expect(engine.row(jobId(1))).toMatchObject({ state: 'held', generation: 2 });
  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(5 * MINUTE);
});

test('a paused job does not count, because an operator decides when it goes on', async () => {
  const { contract } = sampleContract(() => {
    throw new WaitError({ code: 'NoSlot', message: 'no slot', waitMs: 10 * MINUTE });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  await engine.deliver();
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, reason: 'paused' }));
  engine.clock.advance(MINUTE);

  await engine.reconcile();

  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});

test('an open circuit is reported every minute until the vendor has recovered', async () => {
  let broken = true;
  const { contract } = sampleContract(() => {
    if (broken) throw new StopError({ ...about, code: 'Unauthorized', status: 401 });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  await engine.deliver();
  engine.clock.advance(MINUTE);

  await engine.reconcile();
  const stopped = last(engine, 'VendorStopped', 'zendesk');
  broken = false;
  await engine.deliver();
  await engine.reconcile();

  expect(stopped).toBe(1);
  expect(last(engine, 'VendorStopped', 'zendesk')).toBe(0);
  expect(last(engine, 'VendorStopped', 'sendgrid')).toBe(0);
});

test.each<[string, (engine: Engine) => Promise<unknown>, object]>([
  ['redriven', async (engine) => redrive(engine), { redriven: 1 }],
  ['discarded', async (engine) => discard(engine.deps, engine.row(jobId(1))), { discarded: 1 }],
  ['expired', async (engine) => engine.clock.advance(14 * 86_400_000 + MINUTE), { expired: 1 }],
])('the exits of the DLQ record that an entry was %s', async (_how, leave, expected) => {
  let broken = true;
  const { contract } = sampleContract(() => {
    if (broken) throw new PermanentError({ ...about, code: 'Rejected', status: 422 });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  await engine.deliver();
  await engine.reconcile();
  broken = false;
  engine.clock.advance(MINUTE);

  await leave(engine);
  await engine.deliver();
  await engine.reconcile();

  const item = (await engine.table.get(dlqKey(SAMPLE_QUEUE))) as DlqExits;
  expect(exitsSince(item, 0)).toEqual(expected);
});

test('the exits of the DLQ record that an untried message was returned', async () => {
  const { contract } = sampleContract();
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  for (let receive = 0; receive < 4; receive++) {
    engine.receive();
    engine.clock.advance(301_000);
  }

  await engine.reconcile();

  const item = (await engine.table.get(dlqKey(SAMPLE_QUEUE))) as DlqExits;
  expect(exitsSince(item, 0)).toEqual({ returned: 1 });
  expect(exitsSince(item, engine.clock.now() + 1)).toEqual({});
});

/** Redrives like the console: the entry moves back to the queue under a new message id. */
function redrive(engine: Engine): void {
  const [entry] = engine.deadLetters();
  engine.send(entry?.body ?? '');
}
