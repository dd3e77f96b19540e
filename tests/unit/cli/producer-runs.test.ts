import { producerAccess } from '../../../lib/cli/producer-access';
import { producerRuns } from '../../../lib/cli/producer-runs';
import type { Serverless } from '../../../lib/cli/serverless';
import { producerSettings } from '../../../lib/config/producer';
import { aTarget, recordingOutput, targetContext } from '../../support/operator';
import { templateOf } from '../../support/packages';

/** A `sls` call on a stage whose template has this parameter. */
async function called(run: (typeof producerRuns)[keyof typeof producerRuns], Value: unknown) {
  const resources = { Resources: { ProducerParameter: { Type: 'AWS::SSM::Parameter', Properties: { Value } } } };
  const { stage, region, account } = aTarget;
  const serverless = {
    service: { resources, provider: {} },
    getProvider: () => ({ getStage: () => stage, getRegion: () => region, getAccountId: async () => account }),
  };
  const { out, recorded } = recordingOutput();
  const producer = producerAccess(serverless as unknown as Serverless);
  const unused = () => Promise.reject(new Error('not needed'));
  await run({ ...targetContext, options: {}, out, producer, reader: unused, operator: unused });
  return recorded;
}

test('the settings are those of the parameter that the stack writes, with its account', async () => {
  const { Resources } = await templateOf('prod');
  const parameter = Resources.ProducerParameter?.Properties;

  const { lines } = await called(producerRuns['producer env'], parameter?.Value);
  const json: unknown = JSON.parse(lines[2]?.slice("JOBS_SETTINGS='".length, -1) ?? '');

  expect(parameter).toMatchObject({ Name: '/jobs/mht-api/producer', Type: 'String' });
  expect(json).toEqual(producerSettings.parse(json));
  expect(json).toEqual({
    account: '123456789012',
    bucket: expect.any(String),
    prefix: 'jobs',
    table: 'mht-api-jobs',
    emailRate: 100,
    hashKey: 'ssm:/example/hash-key',
    queues: {
      feedback: { type: 'fifo', retention: 1_209_600 },
      emails: { type: 'fifo', retention: 1_209_600 },
      testflight: { type: 'fifo', retention: 1_209_600 },
      analytics: { type: 'fifo', retention: 604_800 },
    },
  });
});

test('the variables are lines for a shell or a file of variables', async () => {
  const settings = JSON.stringify({ account: `\${AWS::AccountId}`, prefix: "it's" });

  const { lines } = await called(producerRuns['producer env'], { 'Fn::Sub': settings });

  expect(lines).toEqual([
    "JOBS_INSTANCE='acme'",
    "AWS_REGION='eu-central-1'",
    `JOBS_SETTINGS='{"account":"123456789012","prefix":"it\\u0027s"}'`,
  ]);
});
