import { WaitError } from '../../../lib/errors';
import { bodyKey } from '../../../lib/jobs/keys';
import { release } from '../../../lib/reconcile/release';
import { anEnvelope, jobId, PREFIX } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const body = JSON.stringify(anEnvelope());

test('the release of a job that has succeeded since its row was read counts no parked job', async () => {
  let throttled = true;
  const { engine } = sampleEngine(() => {
    if (throttled) throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  await engine.sendAndDeliver(body);
  const held = engine.row(jobId(1));
  throttled = false;
  await release(engine.deps, held);
  await engine.deliver();

  await release(engine.deps, held);

  expect(held.state).toBe('held');
  expect(engine.objects.keys()).not.toContain(bodyKey(PREFIX, 'sample', jobId(1)));
  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(engine.metrics.filter(({ name, value }) => name === 'JobsDead' && value > 0)).toEqual([]);
});
