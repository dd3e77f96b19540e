import { PermanentError, StoreError } from '../../../lib/errors';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const down = () => {
  throw new StoreError({ code: 'S3.SlowDown', message: 'S3 failed' });
};

/** An engine whose vendor refuses the job permanently. Parking the job needs the bucket. */
function refusing(isDown: (call: string) => boolean) {
  const { contract } = sampleContract(() => {
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  const engine = memoryEngine(() => contract, { before: (call) => (isDown(call) ? down() : undefined) });
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1) })));
  return engine;
}

test('a job is given back when the bucket cannot store its body, and the run counts as no attempt', async () => {
  const engine = refusing((call) => call === 'objects.put');

  const response = await engine.deliver();

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
  expect(engine.row(jobId(1)).lease).toBeUndefined();
  expect(engine.row(jobId(1)).history.at(-1)).toMatchObject({ event: 'given back', error: { code: 'S3.SlowDown' } });
});

test('the job is parked for its own error, no matter how long the bucket was down', async () => {
  let isDown = true;
  const engine = refusing((call) => isDown && call === 'objects.put');

  for (const _ of [1, 2, 3, 4, 5, 6, 7]) {
    await engine.drain({ hours: 1 });
    engine.clock.advance(1_000);
  }
  isDown = false;
  await engine.drain();

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'Rejected' } });
  expect(engine.deadLetters()).toHaveLength(1);
});

test('in its last moments a worker begins no write to give a job back, because its answer would come too late', async () => {
  const { contract } = sampleContract(() => {
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  const engine: ReturnType<typeof memoryEngine> = memoryEngine(() => contract, {
    before: (call) => {
      if (call !== 'objects.put') return undefined;
      engine.clock.advance(engine.timeoutMs - 100);
      return down();
    },
  });
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1) })));

  const response = await engine.deliver();

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing', crashes: 0 });
});

test('staged changes are dropped when a job is given back, so a step whose call may have happened stays started', async () => {
  const { contract } = sampleContract(down);
  const engine = memoryEngine(() => contract);
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1) })));

  await engine.deliver();

  const statuses = Object.values(engine.row(jobId(1)).steps).map(({ status }) => status);
  expect(statuses).toEqual(['started']);
});
