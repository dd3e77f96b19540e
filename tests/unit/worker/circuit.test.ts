import { StoreError, TransientError } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract, sampleEngine } from '../../support/sample-contract';

const unavailable = () => new TransientError({ code: 'Unavailable', message: '503', vendor: 'zendesk' });

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
