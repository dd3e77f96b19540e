import { OperatorError } from '../../../lib/ops/operator';
import { deploymentProblems } from '../../../packages/cli/check';
import { commands } from '../../../packages/cli/commands';
import { readInstance } from '../../../resources/instances/read';
import { changeInstance, FILLED_IN, instanceFolder, WITH_APPLE } from '../../support/instances';
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

describe('the file of an instance', () => {
  let root: string;
  let remove: () => void;
  beforeEach(() => {
    ({ root, remove } = instanceFolder());
  });
  afterEach(() => remove());

  const problems = (name: string) => deploymentProblems(readInstance(name, root));

  test('can be deployed once it is filled in', () => {
    changeInstance(root, 'mht-api', { ...WITH_APPLE, bucket: 'mht-bucket' });
    changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });

    expect([problems('mht-api'), problems('acme')]).toEqual([[], []]);
  });

  test('cannot be deployed while it holds values of the examples. Each is named, also without credentials', async () => {
    const paths = ['account', 'bucket', 'hashKey', 'notify.discord', 'sender.domains.0', 'sender.email']
      .concat(['sendgrid.apiKey', 'sendgrid.eventsKey', 'sendgrid.suppressionKey'])
      .concat(['zendesk.email', 'zendesk.endpoint', 'zendesk.token']);
    const named = paths.map((path) => `instances/acme.yml: ${path}: still holds the value of the example`);
    const { out, recorded } = recordingOutput();
    const target = () => Promise.reject(new OperatorError('The AWS account of these credentials is unknown'));

    const checked = commands.check.run({ ...contextOf({}, { param: 'instance=acme', json: true }, out), target });

    await expect(checked).rejects.toThrow('account: still holds the value of the example');
    const { problems: all } = recorded.json as { problems: string[] };
    expect(all.toSorted()).toEqual(['The AWS account of these credentials is unknown', ...named]);
  });

  test('cannot be deployed with an endpoint without TLS, or as the local stage', () => {
    const endpoint = 'HTTP://mail.acme.test';
    changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket', 'sendgrid.endpoint': endpoint });

    expect(problems('acme')).toEqual(['instances/acme.yml: sendgrid.endpoint: must begin with https://']);
    expect(problems('local')).toEqual([expect.stringContaining('stage local is the service on this machine')]);
  });
});
