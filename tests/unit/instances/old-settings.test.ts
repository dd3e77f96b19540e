import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importSettings } from '../../../lib/instances/import';
import { oldSettingProblems } from '../../../lib/instances/old-settings';
import { readInstance } from '../../../lib/instances/read';
import { variablesOf } from '../../../lib/instances/variables';
import { changeInstance, instanceFolder, problemsOf } from '../../support/instances';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => remove());

const dotenv = (lines: string[], file = '.env.prod') => writeFileSync(join(root, file), `${lines.join('\n')}\n`);
const prod = () => readInstance('mht-api', root);

test('an earlier .env file that disagrees is named with its lines, without its values', () => {
  dotenv([
    '# settings',
    'BUCKET=planted-bucket',
    '',
    'ZENDESK_EMAIL="agent@example.com"',
    'EMAIL_RATE=250',
    'AWS_PROFILE=mht',
  ]);

  expect(oldSettingProblems(prod(), root)).toEqual([
    '.env.prod:2: BUCKET differs from bucket of instances/mht-api.yml',
    '.env.prod:5: EMAIL_RATE differs from sendgrid.rate of instances/mht-api.yml',
    '.env.prod: its settings belong in instances/mht-api.yml now. Copy them with sls instances import --stage prod, or delete these lines.',
  ]);
});

test('an earlier .env that served all stages is compared too', () => {
  dotenv(['PREFIX=other'], '.env');

  expect(oldSettingProblems(prod(), root)[0]).toBe('.env:1: PREFIX differs from prefix of instances/mht-api.yml');
});

test('an .env file that agrees, or that holds settings of this machine only, is no problem', () => {
  dotenv(['BUCKET=team-bucket', 'AWS_PROFILE=mht', 'RETRY_WAITS=60,900', 'SENDGRID_FROM_NAME=']);

  expect(oldSettingProblems(prod(), root)).toEqual([]);
});

test("the .env file of a stage does not concern another client's instance", () => {
  dotenv(['BUCKET=other-bucket']);

  expect(oldSettingProblems(readInstance('acme', root), root)).toEqual([]);
});

test('an import writes the settings of the .env file and keeps the rest of the file', () => {
  dotenv([
    'BUCKET=mht-bucket',
    'EMAIL_RATE=250',
    'FEEDBACK_TAGS=app, web',
    'RETRY_WAITS=30,600',
    'ZENDESK_TOKEN=ssm:/mht/zendesk',
    'BRAND_NAME=MHT',
    'RUNBOOK_URL=https://wiki.mht.test/runbook',
    'SENDGRID_FROM_NAME=',
    'SOMETHING_ELSE=1',
  ]);

  expect(importSettings(prod(), { root })).toMatchObject({ file: '.env.prod', written: { length: 7 } });

  expect(variablesOf(prod())).toMatchObject({
    ...{ BUCKET: 'mht-bucket', EMAIL_RATE: '250', FEEDBACK_TAGS: 'app,web', RETRY_WAITS: '30,600' },
    ...{ ZENDESK_TOKEN: 'ssm:/mht/zendesk', BRAND_NAME: 'MHT', ZENDESK_EMAIL: 'agent@example.com' },
  });
  expect(prod().settings.notify?.runbook).toBe('https://wiki.mht.test/runbook');
  expect(oldSettingProblems(prod(), root)).toEqual([]);
});

test('a dry run of an import names the settings and writes nothing', () => {
  const before = prod();
  dotenv(['BUCKET=mht-bucket', 'BRAND_NAME=MHT']);

  expect(importSettings(prod(), { root, dry: true }).written.sort()).toEqual(['brand', 'bucket']);
  expect(prod()).toEqual(before);
});

test('an import of a plain secret or of a wrong value is refused, and the file stays as it was', () => {
  const before = prod();
  dotenv(['BUCKET=mht-bucket', 'ZENDESK_TOKEN=planted-secret', 'EMAIL_RATE=fast']);

  expect(problemsOf(() => importSettings(prod(), { root }))).toEqual([
    'instances/mht-api.yml: sendgrid.rate: must be a number, is another text',
    'instances/mht-api.yml: zendesk.token: must be a reference, ssm:/path or secretsmanager:name, not the secret itself',
  ]);
  expect(prod()).toEqual(before);
});

test('an import without an .env file says where it looked', () => {
  expect(problemsOf(() => importSettings(prod(), { root }))).toEqual([
    'There is nothing to import: neither .env.prod nor .env holds settings of instances/mht-api.yml.',
  ]);
});

test('a prefix that only the .env file had is compared with the default', () => {
  changeInstance(root, 'mht-api', { prefix: undefined });
  dotenv(['PREFIX=mht-api']);

  expect(oldSettingProblems(prod(), root)).toEqual([]);
});
