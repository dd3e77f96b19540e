import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { producerSettings } from '../../../lib/platform/config/common';
import { zendeskLookup } from '../../../packages/cli/connect';
import { variableLines } from '../../../packages/cli/service';
import { instance } from '../../../resources/instance';
import { instanceFolder } from '../../support/instances';
import { aTarget, command } from '../../support/operator';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

test('a canary that does not end in two minutes is an error that says which log to read', async () => {
  await expect(command(sampleEngine().engine, 'check', { stage: 'local', live: true })).rejects.toThrow(
    `1 canary did not succeed in two minutes: sls logs -f ${SAMPLE_QUEUE} --startTime 10m`,
  );
});

test('the variables hold the settings that the stack writes into its parameter, with its account', async () => {
  const options = { param: 'instance=acme' };
  const { lines } = await command({ deps: {} }, 'producer env', options);

  const [name, region, settings = ''] = lines;
  const json = settings.replace(/^JOBS_SETTINGS='(.*)'$/, '$1');
  const stored = await instance({ options });

  expect([name, region]).toEqual(["JOBS_INSTANCE='acme'", "AWS_REGION='eu-central-1'"]);
  expect(stored).toMatchObject({ producer: json.replace(aTarget.account, `\${AWS::AccountId}`) });
  expect(producerSettings.parse(JSON.parse(json))).toMatchObject({ table: 'acme-jobs' });
  // A quote ends no value.
  expect(variableLines({ JOBS_SETTINGS: '{"prefix":"it\'s"}' })).toEqual([`JOBS_SETTINGS='{"prefix":"it\\u0027s"}'`]);
});

test('sls instances marks a file that breaks a rule, and lists the others', async () => {
  const { root, remove } = instanceFolder();
  writeFileSync(join(root, 'instances', 'globex.yml'), 'stage: prod\n');
  const cwd = jest.spyOn(process, 'cwd').mockReturnValue(root);

  const { lines, notes, exitCode } = await command({ deps: {} }, 'instances');
  const { json } = await command({ deps: {} }, 'instances', { json: true });
  cwd.mockRestore();
  remove();

  expect(lines.find((line) => line.startsWith('globex '))).toMatch(/the file is not valid$/);
  expect(lines.some((line) => line.startsWith('acme '))).toBe(true);
  expect([notes.at(-1), exitCode]).toEqual([expect.stringMatching(/^instances\/globex.yml: /), 1]);
  expect(json).toMatchObject({
    instances: expect.arrayContaining([
      expect.objectContaining({ name: 'local', state: 'npm start', deployedAt: '', problems: [] }),
    ]),
  });
});

test.each([
  [{ from: '0001-01-01T00' }, '--from must be at most 90 days ago'],
  [{ from: '9999-12-31T23' }, '--from must be in the past'],
])('the hours of %j are refused before anything is read', async (options, message) => {
  await expect(command({ deps: {} }, 'verify', options)).rejects.toThrow(message);
});

test.each(['verify', 'privacy find', 'privacy erase'] as const)('a Node without zstd refuses sls %s', async (name) => {
  const { zstdDecompressSync } = zlib;
  Reflect.set(zlib, 'zstdDecompressSync', undefined);

  const refused = command({ deps: {} }, name, { email: 'ann@example.com' });

  await expect(refused).rejects.toThrow('Start the command as npx sls');
  Reflect.set(zlib, 'zstdDecompressSync', zstdDecompressSync);
});

const environment = { ZENDESK_ENDPOINT: 'https://acme.zendesk.com/api/v2', ZENDESK_EMAIL: 'agent@acme.example.com' };

test('the look-up asks the Zendesk of the deployment with the token of the operator, and none without one of them', () => {
  expect(zendeskLookup(environment, 'the-token')).toEqual({
    endpoint: 'https://acme.zendesk.com/api/v2',
    authorization: `Basic ${Buffer.from('agent@acme.example.com/token:the-token').toString('base64')}`,
  });
  expect(zendeskLookup(environment, undefined)).toBeUndefined();
  expect(zendeskLookup({}, 'the-token')).toBeUndefined();
});
