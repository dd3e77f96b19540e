import { PermanentError } from '../../../lib/errors';
import { jobKey } from '../../../lib/jobs/keys';
import { anEnvelope, jobId, type memoryEngine } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const DAY = 86_400_000;
const body = JSON.stringify(anEnvelope());

async function forget(engine: ReturnType<typeof memoryEngine>): Promise<void> {
  const row = engine.row(jobId(1));
  await engine.table.delete(jobKey('sample', jobId(1)), row.version);
}

test('a finished job whose row has expired is known by its record, so a late copy does nothing', async () => {
  const { engine, effects } = sampleEngine();
  await engine.sendAndDeliver(body);
  engine.clock.advance(46 * DAY);
  await forget(engine);

  const response = await engine.sendAndDeliver(body);

  expect(response).toEqual({ batchItemFailures: [] });
  expect(effects).toEqual([jobId(1)]);
});

test('a dead job whose row has expired keeps its steps in a redrive', async () => {
  let refuse = true;
  const { engine, effects } = sampleEngine(() => {
    if (refuse) throw new PermanentError({ code: 'Rejected', message: 'rejected', vendor: 'zendesk' });
  });
  await engine.sendAndDeliver(body);
  engine.clock.advance(13 * DAY);
  await forget(engine);
  refuse = false;
  engine.redrive();

  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(engine.row(jobId(1)).history.map(({ event }) => event)).toEqual([
    'started',
    'dead (error)',
    'reopened',
    'started',
    'succeeded',
  ]);
});
