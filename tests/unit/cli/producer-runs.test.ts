import type { Serverless } from '../../../lib/cli/serverless';
import { serviceRuns, variableLines } from '../../../lib/cli/service-runs';
import { producerSettings } from '../../../lib/config/producer';
import { instance } from '../../../resources/instance';
import { recordingOutput, targetContext } from '../../support/operator';

const ACCOUNT = '123456789012';

test('the variables hold the settings that the stack writes into its parameter, with its account', async () => {
  const serverless = {
    service: { provider: { environment: { INSTANCE: 'mht-api' } } },
    getProvider: () => ({ getStage: () => 'prod', getRegion: () => 'us-east-1', getAccountId: async () => ACCOUNT }),
  } as unknown as Serverless;
  const { out, recorded } = recordingOutput();
  const unused = () => Promise.reject(new Error('not needed'));
  const connections = { reader: unused, operator: unused };
  const options = { param: 'instance=mht-api' };
  await serviceRuns['producer env']({ ...targetContext, ...connections, options, out, serverless });

  const [name, region, settings = ''] = recorded.lines;
  const json = settings.replace(/^JOBS_SETTINGS='(.*)'$/, '$1');
  const resolveConfigurationProperty = () => unused();
  const stored = await instance({ options, resolveConfigurationProperty });

  expect([name, region]).toEqual(["JOBS_INSTANCE='mht-api'", "AWS_REGION='us-east-1'"]);
  expect(stored).toMatchObject({ producer: json.replace(ACCOUNT, `\${AWS::AccountId}`) });
  expect(producerSettings.parse(JSON.parse(json))).toMatchObject({
    table: 'mht-api-jobs',
    queues: { feedback: { type: 'fifo', retention: 1_209_600 }, analytics: { type: 'fifo', retention: 604_800 } },
  });
});

test('a quote ends no value', () => {
  expect(variableLines({ JOBS_SETTINGS: '{"prefix":"it\'s"}' })).toEqual([`JOBS_SETTINGS='{"prefix":"it\\u0027s"}'`]);
});
