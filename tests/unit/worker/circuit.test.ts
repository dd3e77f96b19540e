import { PermanentError, StopError, StoreError, TransientError } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract, sampleEngine } from '../../support/sample-contract';

const unauthorized = () => new StopError({ code: 'Unauthorized', message: '401', vendor: 'zendesk', status: 401 });
const forbidden = () => new PermanentError({ code: 'Forbidden', message: '403', vendor: 'zendesk', status: 403 });
const unavailable = () => new TransientError({ code: 'Unavailable', message: '503', vendor: 'zendesk' });
const states = (engine: ReturnType<typeof memoryEngine>) =>
  Object.fromEntries(
    engine.rows().map(({ id, state, reason }) => [id.slice(-1), reason ? `${state} ${reason}` : state]),
  );

test('while a vendor refuses us every job is held without an attempt, and trial calls back off to a quarter of an hour', async () => {
  let calls = 0;
  const { engine } = sampleEngine(() => {
    calls++;
    throw unauthorized();
  });
  for (const n of [1, 2, 3]) engine.send(envelope(n), { group: `g${n}` });

  for (const _ of [1, 2, 3]) await engine.deliver(1);
  const afterBatch = calls;
  const released: number[] = [];
  for (let minute = 1; minute <= 60; minute++) {
    engine.clock.advance(60_000);
    await engine.reconcile();
    if (engine.inQueue() > 0) released.push(minute);
    await engine.deliver();
  }

  expect(afterBatch).toBe(1);
  expect(calls).toBe(1 + released.length);
  expect(released).toEqual([1, 3, 7, 15, 30, 45, 60]);
  expect(states(engine)).toEqual({ 1: 'held stopped', 2: 'held stopped', 3: 'held stopped' });
  expect(engine.rows().map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
  // Each job has its turns.
  expect(
    engine
      .rows()
      .map(({ holds }) => holds)
      .toSorted(),
  ).toEqual([3, 3, 4]);
});

test('five transient failures without a success between open the circuit, and a success resets the count', async () => {
  let working = false;
  const { engine } = sampleEngine(() => {
    if (!working) throw unavailable();
  });
  const next = async (n: number) => {
    await engine.sendAndDeliver(envelope(n), { group: `g${n}` });
  };

  for (const n of [1, 2, 3, 4]) await next(n);
  working = true;
  await next(5);
  working = false;
  for (const n of [6, 7, 8, 9]) await next(n);
  const afterNine = (await engine.table.get(vendorKey('zendesk')))?.stoppedAt;
  await next(10);
  await next(11);

  expect(afterNine).toBeUndefined();
  expect((await engine.table.get(vendorKey('zendesk')))?.stoppedAt).toBeDefined();
  expect(engine.row(jobId(11))).toMatchObject({ state: 'held', reason: 'stopped', attempts: 0 });
});

test('a redriven job that is refused again counts as one sender and does not open the circuit', async () => {
  const { engine } = sampleEngine(() => {
    throw forbidden();
  });

  await engine.sendAndDeliver(envelope(1));
  for (const _ of [2, 3]) {
    engine.redrive();
    await engine.deliver();
  }

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', generation: 3 });
  expect((await engine.table.get(vendorKey('zendesk')))?.stoppedAt).toBeUndefined();
});

test('a call that took effect stays done even if the circuit cannot be closed after it', async () => {
  let down = false;
  const { contract, effects } = sampleContract(() => {
    down = true;
  });
  // Only the write after the call fails, which is the circuit's. The job's own writes work again after it.
  const engine = memoryEngine(() => contract, {
    before: (call) => {
      if (!down || call !== 'table.put') return;
      circuitWrites++;
      if (circuitWrites <= 3) throw new StoreError({ code: 'DynamoDB.Throttled', message: 'DynamoDB failed' });
    },
  });
  let circuitWrites = 0;
  await engine.deps.circuits.transient('zendesk', 'Unavailable');

  await engine.sendAndDeliver(envelope(1));

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', steps: { effect: { status: 'done' } } });
});
