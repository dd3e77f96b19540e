import { producerSettings } from '../../../lib/config/common';
import { variableLines } from '../../../packages/cli/service';
import { instance } from '../../../resources/instance';
import { aTarget, command } from '../../support/operator';

test('the variables hold the settings that the stack writes into its parameter, with its account', async () => {
  const options = { param: 'instance=acme' };
  const { lines } = await command({ deps: {} }, 'producer env', options);

  const [name, region, settings = ''] = lines;
  const json = settings.replace(/^JOBS_SETTINGS='(.*)'$/, '$1');
  const resolveConfigurationProperty = () => Promise.reject(new Error('not needed'));
  const stored = await instance({ options, resolveConfigurationProperty });

  expect([name, region]).toEqual(["JOBS_INSTANCE='acme'", "AWS_REGION='eu-central-1'"]);
  expect(stored).toMatchObject({ producer: json.replace(aTarget.account, `\${AWS::AccountId}`) });
  expect(producerSettings.parse(JSON.parse(json))).toMatchObject({ table: 'acme-jobs' });
});

test('a quote ends no value', () => {
  expect(variableLines({ JOBS_SETTINGS: '{"prefix":"it\'s"}' })).toEqual([`JOBS_SETTINGS='{"prefix":"it\\u0027s"}'`]);
});
