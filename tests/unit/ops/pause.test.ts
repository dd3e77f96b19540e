import { pauseKey } from '../../../lib/jobs/keys';
import { pauseOf, pauseQueue, resumeQueue } from '../../../lib/ops/pause';
import { memoryDeployment } from '../../support/deployment';
import { memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const DAY = 86_400;
const paused = { queue: 'sample', reason: 'SendGrid moves our account' };

function aDeployment() {
  const engine = memoryEngine(() => sampleContract().contract);
  return { engine, ...memoryDeployment(engine) };
}

test('a pause is stored with operator and reason, and switches the event source mapping off', async () => {
  const { engine, deployment, on } = aDeployment();

  const { again, resumeBefore } = await pauseQueue(deployment, paused);

  expect(on.get('sample')).toBe(false);
  expect(await pauseOf(engine.table, 'sample')).toMatchObject({
    at: engine.clock.now(),
    by: 'user/jane',
    reason: 'SendGrid moves our account',
  });
  expect(again).toBe(false);
  expect(resumeBefore).toBe(engine.clock.now() + 7 * DAY * 1000);
});

test('a repeat completes a pause that was cut off, and keeps its first reason', async () => {
  const { engine, deployment, on } = aDeployment();
  const cut = {
    ...deployment,
    mappings: { ...deployment.mappings, set: () => Promise.reject(new Error('the process ended')) },
  };
  await expect(pauseQueue(cut, paused)).rejects.toThrow('the process ended');
  engine.clock.advance(60_000);

  const repeat = await pauseQueue(deployment, { queue: 'sample', reason: 'another' });

  expect(repeat).toMatchObject({ again: true, pause: { reason: 'SendGrid moves our account', by: 'user/jane' } });
  expect(on.get('sample')).toBe(false);
});

test('a pause is refused while a message has waited for more than half of the retention', async () => {
  const { engine, deployment, on, metrics } = aDeployment();
  metrics.set('ApproximateAgeOfOldestMessage', [{ at: engine.clock.now() - 60_000, value: 7 * DAY + 1 }]);

  await expect(pauseQueue(deployment, paused)).rejects.toThrow("more than half of the queue's retention");

  expect(on.get('sample')).toBe(true);
  expect(await pauseOf(engine.table, 'sample')).toBeUndefined();
});

test.each(['', 'two\nlines', 'x'.repeat(201)])('the reason %j is refused', async (reason) => {
  await expect(pauseQueue(aDeployment().deployment, { queue: 'sample', reason })).rejects.toThrow(
    'The reason must be one line of at most 200 characters',
  );
});

test('a queue without an event source mapping cannot be paused or resumed', async () => {
  const { deployment, on } = aDeployment();
  on.delete('sample');

  await expect(pauseQueue(deployment, paused)).rejects.toThrow('has no event source mapping');
  await expect(resumeQueue(deployment, 'sample')).rejects.toThrow('has no event source mapping');
});

test('a resume switches the mapping on and forgets the pause, and a second one is harmless', async () => {
  const { engine, deployment, on } = aDeployment();
  await pauseQueue(deployment, paused);

  const ended = await resumeQueue(deployment, 'sample');
  const again = await resumeQueue(deployment, 'sample');

  expect(ended).toMatchObject({ reason: 'SendGrid moves our account' });
  expect(again).toBeUndefined();
  expect(on.get('sample')).toBe(true);
  expect(engine.table.item(pauseKey('sample'))).toBeUndefined();
});
