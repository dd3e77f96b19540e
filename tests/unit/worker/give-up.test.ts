import * as z from 'zod';
import { AmbiguousError, PermanentError, StoreError, WaitError } from '../../../lib/errors';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { rejects, sampleEngine } from '../../support/sample-contract';

const vendor = 'zendesk';

const down = () => {
  throw new StoreError({ code: 'S3.SlowDown', message: 'S3 failed' });
};

/** A queue with one step that its vendor cannot be asked about. */
const mailContract = (send: () => Promise<unknown>): QueueContract => ({
  queue: 'sample',
  types: {
    'sample.done.v1': messageType({
      schema: z.strictObject({}),
      process: (_job, { steps, vendor: call }) => steps.step('send', { vendor, run: () => call(vendor, send) }),
    }),
  },
});

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

test.each([
  ['throttles it', new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: 600_000 }), []],
  ['refuses it', new PermanentError({ code: 'Rejected', message: '400', vendor }), []],
  ['gives no answer', new AmbiguousError({ code: 'Timeout', message: 'no answer', vendor }), ['unknown']],
])('the result of a call is stored though the bucket refuses the body: the vendor %s', async (_what, answer, steps) => {
  let isDown = true;
  const engine = memoryEngine(() => mailContract(() => Promise.reject(answer)), {
    before: (call) => (isDown && call === 'objects.put' ? down() : undefined),
  });

  await engine.sendAndDeliver(JSON.stringify(anEnvelope({ id: jobId(1) })));
  const given = engine.row(jobId(1));
  isDown = false;
  await engine.drain({ hours: 1 });

  expect(given.state).toBe('queued');
  expect(Object.values(given.steps).map(({ status }) => status)).toEqual(steps);
  expect(engine.row(jobId(1)).reason === 'unknown').toBe(steps.length > 0);
});
