import { StoreError } from '../../../lib/errors';
import { anEnvelope, jobId } from '../../support/engine';
import { rejects, sampleEngine } from '../../support/sample-contract';

const down = () => {
  throw new StoreError({ code: 'S3.SlowDown', message: 'S3 failed' });
};

/** An engine whose vendor refuses the job permanently. Parking the job needs the bucket. */
function refusing(isDown: (call: string) => boolean) {
  const { engine } = sampleEngine(rejects, { before: (call) => (isDown(call) ? down() : undefined) });
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

test('in its last moments a worker begins no write to give a job back, because its answer would come too late', async () => {
  const { engine } = sampleEngine(rejects, {
    before: (call) => {
      if (call !== 'objects.put') return undefined;
      engine.clock.advance(engine.timeoutMs - 100);
      return down();
    },
  });

  const response = await engine.sendAndDeliver(JSON.stringify(anEnvelope({ id: jobId(1) })));

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing', crashes: 0 });
});
