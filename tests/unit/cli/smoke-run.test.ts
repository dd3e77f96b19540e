import { OperatorError } from '../../../lib/ops/operator';
import { memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

/** An engine whose worker runs while the command waits. `works`: whether it does. */
function start({ works = true } = {}) {
  const sample = sampleContract();
  const engine = memoryEngine(() => sample.contract);
  const { clock } = engine.deps;
  const sleep = async (ms: number) => {
    await clock.sleep(ms);
    engine.clock.advance(ms);
    if (works) await engine.deliver();
  };
  const deps = { ...engine.deps, clock: { now: clock.now, sleep } };
  return { ...engine, deps, effects: sample.effects };
}

test('sls smoke sends a canary through each queue, waits for its end, and calls no vendor', async () => {
  const engine = start();

  const { lines } = await command(engine, 'smoke');

  const [canary] = engine.canaries();
  expect(lines).toEqual([
    expect.stringMatching(/^QUEUE +ID +STATE +SECONDS$/),
    expect.stringMatching(new RegExp(`^${SAMPLE_QUEUE} +${canary?.id} +succeeded +\\d+\\.\\d$`)),
  ]);
  expect(canary).toMatchObject({ state: 'succeeded', canary: true });
  expect(engine.effects).toEqual([]);
});

test('sls smoke fails if a worker does not end its canary in time, and says which log to read', async () => {
  const engine = start({ works: false });

  await expect(command(engine, 'smoke', { wait: '5' })).rejects.toMatchObject({
    constructor: OperatorError,
    message: `1 job did not succeed within 5 s. See the log of ${SAMPLE_QUEUE}:`,
    next: `logs -f ${SAMPLE_QUEUE} --startTime 10m`,
  });
});

test('sls smoke sends a mail only if it is asked to, and needs its sender', async () => {
  const engine = start();

  await expect(command(engine, 'smoke', { mail: 'user@example.com' })).rejects.toThrow('--from is required.');
});
