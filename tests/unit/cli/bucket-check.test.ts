import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { bucketFindings } from '../../../lib/cli/bucket-check';
import { lifecycleRules } from '../../../lib/cli/retention';
import { readInstance } from '../../../lib/instances/read';
import { answerSettings, type BucketSettings, type Rule, safeSettings } from '../../support/bucket-settings';

const production = { ...readInstance('acme'), bucket: 'acme-bucket' };
const staging = { ...production, stage: 'staging' as const };
const { prefix } = production;
const printed: Rule[] = lifecycleRules(production).Rules;

let settings: BucketSettings;
let server: http.Server;
let s3: S3Client;

beforeEach(async () => {
  settings = safeSettings('acme-bucket', printed);
  server = http.createServer((request, response) => {
    if (!answerSettings(settings, request, response)) response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  s3 = new S3Client({ region: 'eu-west-1', endpoint, credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
});
afterEach(async () => {
  s3.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const NONE = { problems: [], notes: [] };
const found = async () => (await bucketFindings(production, s3)).problems.map(({ rule }) => rule).join('\n');

test('a bucket with all settings, and the rules that sls instances lifecycle prints, is accepted', async () => {
  expect(await bucketFindings(production, s3)).toEqual(NONE);
});

test('production refuses a new bucket, with one command for each setting', async () => {
  settings = {};

  const { problems, notes } = await bucketFindings(production, s3);

  expect(notes).toEqual([]);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.path).toBe('bucket');
  expect(problems[0]?.rule.split('\n').filter((line) => /^ {4}\S/.test(line))).toEqual([
    '    aws s3api put-public-access-block --bucket acme-bucket --region eu-west-1 --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true',
    expect.stringMatching(
      /^ {4}aws s3api put-bucket-policy --bucket acme-bucket --region eu-west-1 --policy '\{.*\}'$/,
    ),
    '    aws s3api put-bucket-encryption --bucket acme-bucket --region eu-west-1 --server-side-encryption-configuration \'{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}\'',
    '    aws s3api put-bucket-versioning --bucket acme-bucket --region eu-west-1 --versioning-configuration Status=Enabled',
    '    npx sls instances lifecycle --stage prod --param instance=acme --region eu-west-1 > lifecycle.json',
    '    aws s3api put-bucket-lifecycle-configuration --bucket acme-bucket --region eu-west-1 --lifecycle-configuration file://lifecycle.json',
  ]);
});

test('staging warns about the same in one note, and refuses nothing', async () => {
  settings = {};
  const [refused] = (await bucketFindings(production, s3)).problems;

  const { problems, notes } = await bucketFindings(staging, s3);

  expect(problems).toEqual([]);
  expect(notes).toHaveLength(1);
  expect(notes[0]?.rule).toContain('Production would refuse this bucket');
  const lines = (rule = '') => rule.split('\n').slice(1).join('\n').replace('--stage prod', '--stage staging');
  expect(lines(notes[0]?.rule)).toBe(lines(refused?.rule));
});

test('the printed policy is one that the check accepts', async () => {
  delete settings.policy;
  const [, policy = ''] = /--policy '(.*)'/.exec(await found()) ?? [];
  settings.policy = JSON.parse(policy);

  expect(await bucketFindings(production, s3)).toEqual(NONE);
});

test('beside a policy of its own, a bucket gets the statement to add, because the command would replace the policy', async () => {
  settings.policy = { Statement: { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: '*' } };

  const rule = await found();

  expect(rule).toContain('Add this statement to the policy of the bucket');
  expect(rule).not.toContain('put-bucket-policy');
});

const deny = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::acme-bucket/*' };
const plain = { Bool: { 'aws:SecureTransport': 'false' } };

test.each<[string, Record<string, unknown>]>([
  ['for all principals as a list', { ...deny, Principal: { AWS: ['*'] }, Condition: plain }],
  ['for every action and resource', { ...deny, Action: '*', Resource: '*', Condition: plain }],
  ['for the folder of the instance', { ...deny, Resource: [`arn:aws:s3:::acme-bucket/${prefix}/*`], Condition: plain }],
  ['with a boolean', { ...deny, Condition: { BoolIfExists: { 'aws:securetransport': [false] } } }],
])('a statement that denies plain HTTP %s is accepted', async (_what, Statement) => {
  settings.policy = { Statement };

  expect(await found()).toBe('');
});

test.each<[string, Record<string, unknown>]>([
  ['one principal only', { ...deny, Principal: { AWS: 'arn:aws:iam::123456789012:root' }, Condition: plain }],
  ['reads only', { ...deny, Action: 's3:GetObject', Condition: plain }],
  ['another folder only', { ...deny, Resource: 'arn:aws:s3:::acme-bucket/other/*', Condition: plain }],
  ['TLS, and not plain HTTP', { ...deny, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }],
  [
    'plain HTTP from one address only',
    { ...deny, Condition: { ...plain, IpAddress: { 'aws:SourceIp': '192.0.2.1' } } },
  ],
  ['nothing, because it allows', { ...deny, Effect: 'Allow', Condition: plain }],
])('a statement that denies %s is not enough', async (_what, Statement) => {
  settings.policy = { Statement: [Statement] };

  expect(await found()).toContain('plain HTTP');
});

test('a bucket that blocks public access in part, or has suspended versions, is refused', async () => {
  settings.publicAccessBlock = { ...settings.publicAccessBlock, RestrictPublicBuckets: false };
  settings.versioning = 'Suspended';

  const rule = await found();

  expect(rule).toContain('It does not block all public access.');
  expect(rule).toContain('It does not keep old versions of objects.');
  expect(rule).not.toContain('encrypt');
});

test.each([
  ['publicAccessBlock', 's3:GetBucketPublicAccessBlock'],
  ['policy', 's3:GetBucketPolicy'],
  ['encryption', 's3:GetEncryptionConfiguration'],
  ['versioning', 's3:GetBucketVersioning'],
  ['lifecycle', 's3:GetLifecycleConfiguration'],
])('a setting that these credentials may not read (%s) is named with its permission', async (name, action) => {
  settings.denied = [name];

  const rule = await found();

  expect(rule).toContain(`These credentials may not read a setting of it (${action}).`);
  expect(rule).toContain(`Allow ${action} on arn:aws:s3:::acme-bucket`);
  expect((await bucketFindings(staging, s3)).notes[0]?.rule).toContain(action);
});

describe('lifecycle rules are compared by what they do', () => {
  const folder = (name: string) => `${prefix}/${name}/`;
  const without = (name: string) => printed.filter(({ Filter }) => Filter?.Prefix !== folder(name));
  const everything = (more: Rule): Rule => ({ Status: 'Enabled', Filter: { Prefix: '' }, ...more });
  const bodies = (more: Rule): Rule => ({ ...printed[0], Filter: { Prefix: folder('_bodies') }, ...more });

  test.each<[string, Rule[]]>([
    [
      'one rule for two folders',
      [
        ...without('_bodies').filter((rule) => without('_bulk').includes(rule)),
        bodies({ Filter: { Prefix: `${prefix}/_b` } }),
      ],
    ],
    [
      'old versions by a rule of their own',
      [
        ...printed.map(({ NoncurrentVersionExpiration: _, ...rule }) => rule),
        { Status: 'Enabled', Filter: { Prefix: '' }, NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
      ],
    ],
    [
      'rules of other users',
      [...printed, { Status: 'Enabled', Filter: { Prefix: 'other/' }, Expiration: { Days: 1 } }],
    ],
    [
      'a move to a class that is read at once',
      [
        ...printed,
        ...['GLACIER_IR', 'STANDARD_IA'].map((StorageClass) =>
          everything({ Transitions: [{ Days: 0, StorageClass }] }),
        ),
      ],
    ],
    [
      'an archive for data that is no longer needed',
      [...printed, bodies({ Transitions: [{ Days: 120, StorageClass: 'GLACIER' }] })],
    ],
    ['a rule that is off', [...printed, bodies({ Status: 'Disabled', Expiration: { Days: 1 } })]],
    [
      'a rule for tagged objects',
      [
        ...printed,
        bodies({ Filter: { Prefix: folder('_bodies'), Tag: { Key: 'a', Value: 'b' } }, Expiration: { Days: 1 } }),
      ],
    ],
  ])('%s: accepted', async (_what, rules) => {
    settings.lifecycle = rules;

    expect((await bucketFindings(production, s3)).problems).toEqual([]);
  });

  test.each<[string, Rule[], string]>([
    [
      'a folder without a rule',
      without('_attachments'),
      `No lifecycle rule deletes the objects of ${folder('_attachments')}.`,
    ],
    [
      'a rule that is off',
      [...without('_bodies'), bodies({ Status: 'Disabled' })],
      `No lifecycle rule deletes the objects of ${folder('_bodies')}.`,
    ],
    [
      'a rule for large objects only',
      [...without('_bodies'), bodies({ Filter: { Prefix: folder('_bodies'), ObjectSizeGreaterThan: 9 } })],
      `No lifecycle rule deletes the objects of ${folder('_bodies')}.`,
    ],
    [
      'old versions that stay',
      [...without('_bodies'), { Status: 'Enabled', Filter: { Prefix: folder('_bodies') }, Expiration: { Days: 120 } }],
      `No lifecycle rule deletes old versions of ${folder('_bodies')}.`,
    ],
    [
      'ten old versions that stay',
      [
        ...without('_bodies'),
        bodies({ NoncurrentVersionExpiration: { NoncurrentDays: 30, NewerNoncurrentVersions: 10 } }),
      ],
      `No lifecycle rule deletes old versions of ${folder('_bodies')}.`,
    ],
    [
      'bodies that go too early',
      [...printed, bodies({ Expiration: { Days: 44 } })],
      `A lifecycle rule deletes objects of ${folder('_bodies')} after 44 days. They are needed for 120.`,
    ],
    [
      'a part of a folder that goes too early',
      [...printed, { Status: 'Enabled', Filter: { Prefix: `${folder('_bodies')}feedback/` }, Expiration: { Days: 1 } }],
      `A lifecycle rule deletes objects of ${folder('_bodies')} after 1 day. They are needed for 120.`,
    ],
    [
      'a rule with a date',
      [...printed, bodies({ Expiration: { Date: '2027-01-01T00:00:00Z' } })],
      `A lifecycle rule deletes objects of ${folder('_bodies')} on a date.`,
    ],
    [
      'bodies that are archived too early',
      [...printed, bodies({ Transitions: [{ Days: 0, StorageClass: 'GLACIER' }] })],
      `A lifecycle rule archives objects of ${folder('_bodies')} after 0 days. They are needed for 120.`,
    ],
    [
      'an archive of the whole bucket',
      [...printed, everything({ Transitions: [{ Days: 0, StorageClass: 'DEEP_ARCHIVE' }] })],
      `A lifecycle rule archives objects of ${prefix}/feedback/ after 0 days. They are needed for 45.`,
    ],
    [
      'an archive with a date',
      [...printed, bodies({ Transitions: [{ Date: '2027-01-01T00:00:00Z', StorageClass: 'DEEP_ARCHIVE' }] })],
      `A lifecycle rule archives objects of ${folder('_bodies')} on a date.`,
    ],
    [
      'an archive that takes the claim',
      [...printed, everything({ Transitions: [{ Days: 400, StorageClass: 'GLACIER' }] })],
      `A lifecycle rule deletes or archives ${prefix}/_owner`,
    ],
    [
      'old versions that go too early',
      [...printed, everything({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } })],
      `A lifecycle rule deletes old versions of ${folder('_bodies')} after 1 day. They are needed for 30.`,
    ],
    [
      'old versions beyond the newest ten that go too early',
      [...printed, everything({ NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 10 } })],
      `A lifecycle rule deletes old versions of ${folder('_bodies')} after 1 day. They are needed for 30.`,
    ],
    [
      'old versions that are archived too early',
      [...printed, everything({ NoncurrentVersionTransitions: [{ NoncurrentDays: 2, StorageClass: 'GLACIER' }] })],
      `A lifecycle rule archives old versions of ${folder('_bodies')} after 2 days. They are needed for 30.`,
    ],
    [
      'a rule for the whole bucket',
      [...printed, { Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 400 } }],
      `A lifecycle rule deletes or archives ${prefix}/_owner`,
    ],
  ])('%s: refused', async (_what, rules, expected) => {
    settings.lifecycle = rules;

    expect(await found()).toContain(expected);
  });

  test('beside rules of others, the command that replaces all rules is not printed', async () => {
    settings.lifecycle = [
      ...without('_bodies'),
      { Status: 'Enabled', Filter: { Prefix: 'other/' }, Expiration: { Days: 1 } },
    ];

    const rule = await found();

    expect(rule).toContain('Add the missing rules to those of the bucket');
    expect(rule).not.toContain('put-bucket-lifecycle-configuration --bucket');
  });

  test('a folder that is kept for longer than by default is a note, because a contract may ask for it', async () => {
    settings.lifecycle = printed.map((rule) =>
      rule.Expiration?.Days === 400 ? { ...rule, Expiration: { Days: 800 } } : rule,
    );

    const { problems, notes } = await bucketFindings(production, s3);

    expect(problems).toEqual([]);
    expect(notes).toHaveLength(1);
    expect(notes[0]?.rule).toContain(`${prefix}/feedback/ (800 days, by default 400)`);
  });
});
