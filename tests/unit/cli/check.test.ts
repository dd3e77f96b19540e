import { OperatorError } from '../../../lib/ops/operator';
import { commands } from '../../../packages/cli/commands';
import { command, contextOf, recordingOutput } from '../../support/operator';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

/** Runs the check on an engine whose worker runs while the command waits. `works`: whether it does. */
function start({ works = true } = {}) {
  const { engine, effects } = sampleEngine();
  const { clock } = engine.deps;
  const sleep = async (ms: number) => {
    engine.clock.advance(ms);
    if (works) await engine.deliver();
  };
  const deps = { ...engine.deps, clock: { now: clock.now, sleep } };
  const checked = () => command({ deps }, 'check', { stage: 'local', live: true });
  return { engine, effects, checked };
}

test('a canary goes through each queue to its end, and calls no vendor', async () => {
  const { engine, effects, checked } = start();

  const { lines } = await checked();

  const [canary] = engine.canaries();
  expect(lines).toEqual([
    expect.stringMatching(/^QUEUE +ID +STATE +SECONDS$/),
    expect.stringMatching(new RegExp(`^${SAMPLE_QUEUE} +${canary?.id} +succeeded +\\d+\\.\\d$`)),
  ]);
  expect(canary).toMatchObject({ state: 'succeeded', canary: true });
  expect(effects).toEqual([]);
});

test('a canary that does not end in two minutes is an error that says which log to read', async () => {
  const { checked } = start({ works: false });

  await expect(checked()).rejects.toThrow(
    `1 canary did not succeed in two minutes: sls logs -f ${SAMPLE_QUEUE} --startTime 10m`,
  );
});

test('without credentials, a check shows the problems of the file too', async () => {
  const { out, recorded } = recordingOutput();
  const target = () => Promise.reject(new OperatorError('The AWS account of these credentials is unknown'));

  const checked = commands.check.run({ ...contextOf({}, { stage: 'prod', json: true }, out), target });

  await expect(checked).rejects.toThrow('account: still holds the value of the example');
  const { problems } = recorded.json as { problems: string[] };
  expect(problems).toContain('instances/mht-api.yml: account: still holds the value of the example');
  expect(problems.at(-1)).toBe('The AWS account of these credentials is unknown');
});
