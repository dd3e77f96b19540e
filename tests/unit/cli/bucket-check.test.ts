import { readFileSync } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';
import * as keys from '../../../lib/engine/jobs/keys';
import { PLACES, type Place } from '../../../lib/operate/ops/places';
import * as analytics from '../../../lib/queues/analytics/keys';
import { bucketProblems, lifecycleRules, retentions } from '../../../packages/cli/bucket-check';
import { instanceFile } from '../../../resources/instances/file';
import { readInstance } from '../../../resources/instances/read';
import { answerSettings, type BucketSettings, type Rule, safeSettings } from '../../support/bucket-settings';
import { fakeAws } from '../../support/fake-aws';

const production = { ...readInstance('acme'), bucket: 'acme-bucket' };
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

const found = async () => (await bucketProblems(production, s3)).map(({ rule }) => rule);

test('a new bucket is refused, with one command for each setting. With all of them, the bucket is accepted', async () => {
  settings = {};
  const commands = (await found()).map((rule) => rule.split('\n').at(-1) ?? '');
  const given = (option: string): string =>
    new RegExp(`--${option} '?(.*?)'?$`, 'm').exec(commands.join('\n'))?.[1] ?? '';

  const at = '--bucket acme-bucket --region eu-west-1';
  const actions = ['public-access-block', 'bucket-policy', 'bucket-versioning', 'bucket-lifecycle-configuration'];
  expect(commands.map((line) => line.split(' --').slice(0, 3).join(' --'))).toEqual(
    actions.map((action) => `  aws s3api put-${action} ${at}`),
  );
  expect(given('public-access-block-configuration').match(/=true/g)).toHaveLength(4);
  expect(given('versioning-configuration')).toBe('Status=Enabled');
  const { Rules } = JSON.parse(given('lifecycle-configuration')) as { Rules: Rule[] };
  settings = { ...safeSettings('acme-bucket', Rules), policy: JSON.parse(given('policy')) as object };
  expect(await found()).toEqual([]);
});

test('the commands for a bucket that has rules and statements of others keep all of them', async () => {
  const policy = {
    Version: '2008-10-17',
    Id: "the team's",
    Statement: { Sid: 'Team', Effect: 'Allow', Action: 's3:*' },
  };
  const rule = { ID: 'logs', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 9 } };
  settings = {
    ...safeSettings('acme-bucket', [rule, ...printed.slice(1), { ...printed[0], Status: 'Disabled' }]),
    policy,
  };

  const [statement = '', lifecycle = ''] = (await found()).map((fault) => / '(\{.+\})'$/.exec(fault)?.[1] ?? '');

  expect(JSON.parse(statement.replaceAll("'\\''", "'"))).toEqual({ ...policy, Statement: [policy.Statement, deny] });
  expect(JSON.parse(lifecycle)).toEqual({ Rules: [rule, ...printed] });
});

const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
const Resource = ['arn:aws:s3:::acme-bucket', 'arn:aws:s3:::acme-bucket/*'];
const deny = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource, Condition };
const stating = (changes: object) => ({ policy: { Statement: { ...deny, ...changes } } });
const ANOTHER = 'arn:aws:kms:eu-west-1:123456789012:key/other';
const inPart = { publicAccessBlock: { ...safeSettings('', []).publicAccessBlock, RestrictPublicBuckets: false } };

test.each<[string, BucketSettings, string | undefined]>([
  ['denies plain HTTP under any name', stating({ Sid: 'Tls' }), undefined],
  ['denies plain HTTP for one principal only', stating({ Principal: { AWS: '123456789012' } }), 'plain HTTP'],
  ['denies plain HTTP for another folder', stating({ Resource: 'arn:aws:s3:::acme-bucket/other/*' }), 'plain HTTP'],
  ['denies plain HTTP from one address', stating({ Condition: { ...Condition, IpAddress: {} } }), 'plain HTTP'],
  ['allows plain HTTP', stating({ Effect: 'Allow' }), 'plain HTTP'],
  ['has another key', { encryption: ANOTHER }, 'with a key that no role may use'],
  ["has AWS's own key", { encryption: 'alias/aws/s3' }, undefined],
  ['blocks public access in part', inPart, 'does not block all public access'],
  ['has suspended versions', { versioning: 'Suspended' }, 'does not keep old versions of objects'],
])('a bucket that %s is accepted, or refused by the rule', async (_what, changes, refused) => {
  Object.assign(settings, changes);

  expect(await found()).toEqual(refused === undefined ? [] : [expect.stringContaining(refused)]);
});

test('each setting that these credentials may not read is named with its permission', async () => {
  settings.denied = ['publicAccessBlock', 'policy', 'versioning', 'encryption', 'lifecycle'];

  const gets = 'BucketPublicAccessBlock BucketPolicy BucketVersioning EncryptionConfiguration LifecycleConfiguration';
  expect(await found()).toEqual(gets.split(' ').map((get) => `cannot be checked by these credentials (s3:Get${get})`));
});

const folder = `${prefix}/_bodies/`;
const others = printed.filter(({ Filter }) => Filter?.Prefix !== folder);
const everything = (more: Rule): Rule => ({ Status: 'Enabled', Filter: { Prefix: '' }, ...more });
const bodies = (more: Rule): Rule => ({ ...printed[0], Filter: { Prefix: folder }, ...more });
const missing = `has no rule that deletes objects and old versions of ${folder}`;
const early = 'takes what is still needed';

const old = (NoncurrentDays: number, more = {}) => ({ NoncurrentVersionExpiration: { NoncurrentDays, ...more } });
const moved = (Days: number, StorageClass: string) => ({ Transitions: [{ Days, StorageClass }] });
const soon = { Expiration: { Days: 1 } };
const withoutOld = printed.map(({ NoncurrentVersionExpiration: _, ...rule }) => rule);

test.each<[string, Rule[], Rule | undefined, string | undefined]>([
  ['a rule of other users', printed, everything({ Filter: { Prefix: 'other/' }, ...soon }), undefined],
  ['a move to a class that is read at once', printed, everything(moved(0, 'GLACIER_IR')), undefined],
  ['a rule that is off', printed, bodies({ Status: 'Disabled', ...soon }), undefined],
  ['a rule for tagged objects', printed, bodies({ Filter: { Tag: { Key: 'a', Value: 'b' } }, ...soon }), undefined],
  ['a folder that is kept for longer', others, bodies({ Expiration: { Days: 800 } }), undefined],
  ['old versions by a rule of their own', withoutOld, everything(old(30)), undefined],
  ['a folder without a rule', others, undefined, missing],
  ['a folder whose rule is off', others, bodies({ Status: 'Disabled' }), missing],
  ['a rule for large objects', others, bodies({ Filter: { Prefix: folder, ObjectSizeGreaterThan: 9 } }), missing],
  ['old versions that stay', withoutOld.slice(0, 1).concat(others), undefined, missing],
  ['ten old versions that stay', others, bodies(old(30, { NewerNoncurrentVersions: 10 })), missing],
  ['bodies that go too early', printed, bodies({ Expiration: { Days: 44 } }), early],
  ['a part of a folder that goes too early', printed, bodies({ Filter: { Prefix: `${folder}x/` }, ...soon }), early],
  ['a rule with a date', printed, bodies({ Expiration: { Date: '2027-01-01T00:00:00Z' } }), early],
  ['bodies in an archive', printed, bodies(moved(0, 'GLACIER')), early],
  ['the claim of the folder in an archive', printed, everything(moved(400, 'DEEP_ARCHIVE')), `${prefix}/_owner`],
  ['old versions that go too early', printed, everything(old(1)), early],
])('lifecycle rules are accepted, or refused by what they do: %s', async (_what, rules, more, refused) => {
  settings.lifecycle = [...rules, ...(more ? [more] : [])];

  expect(await found()).toEqual(refused === undefined ? [] : [expect.stringContaining(refused)]);
});

test('the days of the instance are in the printed rules, and a rule that keeps objects for longer is refused', async () => {
  const own = { ...production, retention: { audit: 100 } };
  const rules = lifecycleRules(own).Rules;
  const at = (days: number) => rules.find(({ ID }) => ID === `${prefix}/_audit/`)?.Expiration.Days === days;
  settings.lifecycle = rules;

  expect([at(100), await bucketProblems(own, s3)]).toEqual([true, []]);

  settings.lifecycle = printed;
  expect(await bucketProblems(own, s3)).toMatchObject([{ rule: expect.stringContaining('/_audit/') }]);
});

const leastDays = Object.entries(instanceFile.shape.retention.unwrap().shape);
test.each(leastDays)('the least days of retention.%s are those that jobs need', (place, days) => {
  const [, needed = 0] = (PLACES as Record<string, Place>)[place]?.days ?? [];

  expect(days.unwrap().minValue).toBe(Math.max(needed, 1));
});

const inBucket = Object.entries(PLACES as Record<string, Place>).filter(([, { folders }]) => folders);
test.each(inBucket)('docs/privacy.md has the folder of %s, and its days', (_, { days, folders }) => {
  const [lifetime, needed = 0] = days ?? [];
  const [folder] = folders?.('{prefix}', ['{queue}']) ?? [];
  const rows = readFileSync('docs/privacy.md', 'utf8')
    .split('\n')
    .map((row) => row.split(' | '));
  const [, , , kept] = rows.find(([where]) => where?.includes(`\`${folder}\``)) ?? [];
  const rule = `${lifetime} days, by lifecycle rule${needed > 0 ? `; ${needed} at least` : ''}`;

  expect(
    kept
      ?.split('; ')
      .slice(needed > 0 ? -2 : -1)
      .join('; '),
  ).toBe(lifetime === undefined ? 'for ever' : rule);
});

const instance = readInstance('mht-api');
const { prefix: of } = instance;
const job = { queue: 'feedback', time: 0, id: 'an-id' };

/** A key of every kind of object that the service writes. */
const KEYS = {
  ...Object.fromEntries(
    Object.keys(instance.known).map((queue) => [`record of ${queue}`, keys.recordKey(of, { ...job, queue })]),
  ),
  body: keys.bodyKey(of, 'feedback', 'an-id'),
  'large job': `${keys.dataPrefix(of, 'emails')}a-campaign/recipients-00000`,
  attachment: `${keys.attachmentsPrefix(of, 'feedback')}a-principal/a-file`,
  event: `${keys.eventsPartition(of, 'emails', 0)}an-event`,
  audit: keys.auditKey(of, 'an-id'),
  events: analytics.dataKey(of, job),
  'rejected events': analytics.rejectedKey(of, job),
  'late events': analytics.lateKey(of, { ...job, arrived: 0 }),
  'Parquet object': analytics.partKey(of, { hour: 0, part: 0, of: 1 }),
};

const covering = (key: string) => retentions(instance).filter(({ folder }) => key.startsWith(folder));

test('one lifecycle rule deletes an object of each kind', () => {
  expect(Object.entries(KEYS).filter(([, key]) => covering(key).length !== 1)).toEqual([]);
});

test('what a job needs is kept for longer than its plan, its wait in a queue and its retry, and the claim for ever', () => {
  const days = [KEYS.body, KEYS['large job'], KEYS.attachment].flatMap(covering).map((rule) => rule.days);

  expect(Math.min(...days)).toBeGreaterThan(30 + 14 + 44);
  expect(covering(keys.ownerKey(of))).toEqual([]);
});
