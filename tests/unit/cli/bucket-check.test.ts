import { S3Client } from '@aws-sdk/client-s3';
import { bucketFindings, lifecycleRules } from '../../../lib/cli/bucket-check';
import { readInstance } from '../../../lib/instances/read';
import { answerSettings, type BucketSettings, type Rule, safeSettings } from '../../support/bucket-settings';
import { fakeAws } from '../../support/fake-aws';

const production = { ...readInstance('acme'), bucket: 'acme-bucket' };
const staging = { ...production, stage: 'staging' as const };
const { prefix } = production;
const printed: Rule[] = lifecycleRules(production).Rules;

let settings: BucketSettings;
let aws: Awaited<ReturnType<typeof fakeAws>>;
let s3: S3Client;

beforeEach(async () => {
  settings = safeSettings('acme-bucket', printed);
  aws = await fakeAws(({ request }, response) => (answerSettings(settings, request, response) ? undefined : [500, '']));
  s3 = new S3Client(aws.config);
});
afterEach(async () => {
  s3.destroy();
  await aws.close();
});

const NONE = { problems: [], notes: [] };
const found = async () => (await bucketFindings(production, s3)).problems.map(({ rule }) => rule);

test('production refuses a new bucket, with one command for each setting. With all of them, the bucket is accepted', async () => {
  settings = {};
  const rules = await found();
  const printedBy = (command: string, option: string): string =>
    rules.flatMap((rule) => new RegExp(`${command} .*--${option} (.*)$`).exec(rule)?.[1] ?? [])[0] ?? '';

  const at = '--bucket acme-bucket --region eu-west-1';
  expect(rules.map((rule) => rule.split('\n').at(-1)?.replace(/'.*'/, ''))).toEqual([
    `  aws s3api put-public-access-block ${at} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`,
    `  aws s3api put-bucket-policy ${at} --policy `,
    `  aws s3api put-bucket-versioning ${at} --versioning-configuration Status=Enabled`,
    `  aws s3api put-bucket-lifecycle-configuration ${at} --lifecycle-configuration `,
  ]);

  const policy = JSON.parse(printedBy('put-bucket-policy', 'policy').slice(1, -1)) as object;
  const lifecycle = printedBy('put-bucket-lifecycle-configuration', 'lifecycle-configuration').slice(1, -1);
  settings = { ...safeSettings('acme-bucket', (JSON.parse(lifecycle) as { Rules: Rule[] }).Rules), policy };
  expect(await bucketFindings(production, s3)).toEqual(NONE);
});

test('staging notes the same, and refuses nothing', async () => {
  settings = {};
  const { problems } = await bucketFindings(production, s3);

  expect(await bucketFindings(staging, s3)).toEqual({ problems: [], notes: problems });
});

const deny = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::acme-bucket/*' };
const plain = { Bool: { 'aws:SecureTransport': 'false' } };

test.each<[string, Record<string, unknown>, boolean]>([
  ['for all principals as a list', { ...deny, Principal: { AWS: '*' }, Condition: plain }, true],
  ['for every resource', { ...deny, Resource: '*', Condition: plain }, true],
  ['for one principal only', { ...deny, Principal: { AWS: '123456789012' }, Condition: plain }, false],
  ['for reads only', { ...deny, Action: 's3:GetObject', Condition: plain }, false],
  ['for another folder only', { ...deny, Resource: 'arn:aws:s3:::acme-bucket/other/*', Condition: plain }, false],
  ['in reverse', { ...deny, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }, false],
  ['from one address', { ...deny, Condition: { ...plain, IpAddress: { 'aws:SourceIp': '192.0.2.1' } } }, false],
  ['by Allow', { ...deny, Effect: 'Allow', Condition: plain }, false],
])('a statement that denies plain HTTP %s counts: %#', async (_what, Statement, counts) => {
  settings.policy = { Statement };

  expect(await found()).toEqual(counts ? [] : [expect.stringContaining('plain HTTP')]);
});

test('a bucket that blocks public access in part, or has suspended versions, is refused', async () => {
  settings.publicAccessBlock = { ...settings.publicAccessBlock, RestrictPublicBuckets: false };
  settings.versioning = 'Suspended';

  expect(await found()).toEqual([
    expect.stringContaining('does not block all public access'),
    expect.stringContaining('does not keep old versions of objects'),
  ]);
});

test.each([
  ['publicAccessBlock', 's3:GetBucketPublicAccessBlock'],
  ['policy', 's3:GetBucketPolicy'],
  ['versioning', 's3:GetBucketVersioning'],
  ['lifecycle', 's3:GetLifecycleConfiguration'],
])('a setting that these credentials may not read (%s) is named with its permission', async (name, action) => {
  settings.denied = [name];

  expect(await found()).toEqual([`cannot be checked by these credentials (${action})`]);
});

describe('lifecycle rules', () => {
  const folder = `${prefix}/_bodies/`;
  const others = printed.filter(({ Filter }) => Filter?.Prefix !== folder);
  const everything = (more: Rule): Rule => ({ Status: 'Enabled', Filter: { Prefix: '' }, ...more });
  const bodies = (more: Rule): Rule => ({ ...printed[0], Filter: { Prefix: folder }, ...more });
  const missing = `has no rule that deletes objects and old versions of ${folder}`;
  const early = 'takes what is still needed';

  test.each<[string, Rule[]]>([
    [
      'rules of other users',
      [...printed, { ...everything({ Expiration: { Days: 1 } }), Filter: { Prefix: 'other/' } }],
    ],
    [
      'a move to a class that is read at once',
      [...printed, everything({ Transitions: [{ Days: 0, StorageClass: 'GLACIER_IR' }] })],
    ],
    ['a rule that is off', [...printed, bodies({ Status: 'Disabled', Expiration: { Days: 1 } })]],
    [
      'a rule for tagged objects',
      [...printed, bodies({ Filter: { Tag: { Key: 'a', Value: 'b' } }, Expiration: { Days: 1 } })],
    ],
    ['a folder that is kept for longer', [...others, bodies({ Expiration: { Days: 800 } })]],
    [
      'old versions by a rule of their own',
      [
        ...printed.map(({ NoncurrentVersionExpiration: _, ...rule }) => rule),
        everything({ NoncurrentVersionExpiration: { NoncurrentDays: 30 } }),
      ],
    ],
  ])('%s: accepted', async (_what, rules) => {
    settings.lifecycle = rules;

    expect(await found()).toEqual([]);
  });

  test.each<[string, Rule[], string]>([
    ['a folder without a rule', others, missing],
    ['a rule that is off', [...others, bodies({ Status: 'Disabled' })], missing],
    [
      'a rule for large objects only',
      [...others, bodies({ Filter: { Prefix: folder, ObjectSizeGreaterThan: 9 } })],
      missing,
    ],
    [
      'old versions that stay',
      [...others, { Status: 'Enabled', Filter: { Prefix: folder }, Expiration: { Days: 120 } }],
      missing,
    ],
    [
      'ten old versions that stay',
      [...others, bodies({ NoncurrentVersionExpiration: { NoncurrentDays: 30, NewerNoncurrentVersions: 10 } })],
      missing,
    ],
    ['bodies that go too early', [...printed, bodies({ Expiration: { Days: 44 } })], early],
    [
      'a part of a folder that goes too early',
      [...printed, bodies({ Filter: { Prefix: `${folder}feedback/` }, Expiration: { Days: 1 } })],
      early,
    ],
    ['a rule with a date', [...printed, bodies({ Expiration: { Date: '2027-01-01T00:00:00Z' } })], early],
    ['bodies in an archive', [...printed, bodies({ Transitions: [{ Days: 0, StorageClass: 'GLACIER' }] })], early],
    [
      'the claim of the folder in an archive',
      [...printed, everything({ Transitions: [{ Days: 400, StorageClass: 'DEEP_ARCHIVE' }] })],
      `${prefix}/_owner`,
    ],
    [
      'old versions that go too early',
      [...printed, everything({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } })],
      early,
    ],
  ])('%s: refused', async (_what, rules, expected) => {
    settings.lifecycle = rules;

    expect(await found()).toEqual([expect.stringContaining(expected)]);
  });
});
