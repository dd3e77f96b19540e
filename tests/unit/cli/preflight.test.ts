import { S3Client } from '@aws-sdk/client-s3';
import { ownerKey } from '../../../lib/engine/jobs/keys';
import { OperatorError } from '../../../lib/operate/ops/operator';
import { mapEach } from '../../../lib/platform/concurrency';
import { lifecycleRules } from '../../../packages/cli/bucket-check';
import { deploymentProblems } from '../../../packages/cli/check';
import { commands } from '../../../packages/cli/commands';
import { claimFolder, folderOwner, preflight } from '../../../packages/cli/preflight';
import { readInstance } from '../../../resources/instances/read';
import { answerSettings, safeSettings } from '../../support/bucket-settings';
import { type AwsRequest, fakeAws, NO_STACK, stackXml } from '../../support/fake-aws';
import { changeInstance, FILLED_IN, instanceFolder, WITH_APPLE } from '../../support/instances';
import { memoryObjects } from '../../support/memory-objects';
import { contextOf, recordingOutput } from '../../support/operator';

/** An account that is ready for acme. */
const ready = () => ({
  buckets: { 'acme-bucket': 200 } as Record<string, number>,
  settings: safeSettings('acme-bucket', lifecycleRules(readInstance('acme')).Rules),
  parameters: ['/mht/hash-key', '/mht/suppression-key', '/mht/zendesk-token', '/mht/discord-webhook-url'],
  secrets: ['mht/sendgrid'],
  /** The instance that the folder's object names. */
  owner: undefined as string | undefined,
  /** The keys of claims in the bucket. */
  claims: [] as string[],
  /** What functions of the account have not reserved. */
  unreserved: 1000,
  /** Outputs of the deployed stack. */
  deployed: undefined as Record<string, string> | undefined,
  /** Jobs and campaigns that have not ended, and messages in each queue. */
  live: 0,
  messages: 0,
});
type Account = ReturnType<typeof ready>;

let account: Account;
let aws: Awaited<ReturnType<typeof fakeAws>>;
let root: string;
let remove: () => void;

beforeEach(async () => {
  account = ready();
  aws = await fakeAws(answer);
  ({ root, remove } = instanceFolder());
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });
});
afterEach(async () => {
  await aws.close();
  remove();
});

/** The parts of S3, SSM, Secrets Manager and CloudFormation that the checks call. */
const answer: Parameters<typeof fakeAws>[0] = ({ request, body, action }: AwsRequest, response) => {
  const [, bucket = '', ...key] = new URL(request.url ?? '/', 'http://x').pathname.split('/');
  if (request.method === 'HEAD') return [account.buckets[bucket] ?? 404, ''];
  if (answerSettings(account.settings, request, response)) return undefined;
  if (request.method === 'GET' && key.at(-1) === '_owner')
    return account.owner === undefined ? NO_KEY : [200, JSON.stringify({ instance: account.owner })];
  const { Name = '', SecretId = '' } = body.startsWith('{') ? JSON.parse(body) : {};
  if (request.url?.includes('account-settings'))
    return [200, JSON.stringify({ AccountLimit: { UnreservedConcurrentExecutions: account.unreserved } })];
  if (request.url?.includes('list-type=2')) {
    const prefix = new URL(request.url, 'http://x').searchParams.get('prefix') ?? '';
    const keys = account.claims.filter((claim) => claim.startsWith(prefix));
    return [
      200,
      `<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')}</ListBucketResult>`,
    ];
  }
  if (action === 'GetParameter')
    return account.parameters.includes(Name)
      ? [200, '{"Parameter":{"Value":"value"}}']
      : [400, '{"__type":"ParameterNotFound"}'];
  if (action === 'DescribeSecret')
    return account.secrets.includes(SecretId) ? [200, '{}'] : [400, '{"__type":"ResourceNotFoundException"}'];
  if (action === 'GetQueueAttributes')
    return [200, JSON.stringify({ Attributes: { ApproximateNumberOfMessages: String(account.messages) } })];
  return account.deployed === undefined ? NO_STACK : [200, stackXml(account.deployed)];
};

const NO_KEY = [404, '<Error><Code>NoSuchKey</Code></Error>'] as const;

const problems = async () => (await findings()).problems;

const findings = () =>
  preflight(readInstance('acme', root), { config: aws.config, unfinished: async () => account.live });

test('no check closes the connections, which all of them share', async () => {
  const shared = new S3Client({}).config.requestHandler;
  const closed = jest.spyOn(shared, 'destroy');
  Object.assign(aws.config, { requestHandler: shared });
  account.deployed = deployed('jobs', { EmailsQueue: 'acme-emails' });

  await problems();

  expect(closed).not.toHaveBeenCalled();
});

const unsafe = { ...ready().settings, versioning: 'Suspended' };

const FOUND: Record<string, [Partial<Account>, string[]]> = {
  'everything that is missing at once': [
    { buckets: {}, parameters: ['/mht/zendesk-token'], secrets: [] },
    [
      'bucket: does not exist',
      'sendgrid.apiKey: names a secret that does not exist',
      ...['hashKey', 'sendgrid.suppressionKey', 'notify.discord'].map(
        (path) => `${path}: names a parameter that does not exist`,
      ),
    ],
  ],
  'the permission to read a bucket': [{ buckets: { 'acme-bucket': 403 } }, ['bucket: cannot be read by these']],
  'a bucket that is not safe for production, beside every other problem': [
    { settings: unsafe, parameters: ['/mht/hash-key', '/mht/suppression-key', '/mht/discord-webhook-url'] },
    ['bucket: does not keep old versions of objects', 'zendesk.token: names a parameter that does not exist'],
  ],
  'a folder of another instance': [{ owner: 'globex' }, ['prefix: the folder acme-bucket/acme belongs to globex']],
  'a folder with the folder of another instance in it': [
    { claims: ['acme/shop/_owner', 'acme-2/_owner'] },
    ['prefix: the folder acme-bucket/acme and the one that acme-bucket/acme/shop/_owner claims lie in one another'],
  ],
  "a new account's limit of concurrency": [
    { unreserved: 10 },
    ["functions.emailEvents.concurrency: is 5, but the account's limit lets functions reserve 0 more"],
  ],
  'nothing if bucket and secrets exist': [{}, []],
  'no folder of its own': [{ owner: 'acme' }, []],
};

test.each(Object.entries(FOUND))('the check names %s', async (_what, [found, expected]) => {
  Object.assign(account, found);

  expect(await problems()).toEqual(expected.map((rule) => expect.stringContaining(`instances/acme.yml: ${rule}`)));
});

test('staging only notes a bucket that is not safe', async () => {
  account.settings = unsafe;
  changeInstance(root, 'acme', { stage: 'staging' });

  expect(await findings()).toEqual({ problems: [], notes: [expect.stringContaining('bucket: does not keep old')] });
});

test('the hash key must exist even if no worker of the instance reads it, because producers do', async () => {
  changeInstance(root, 'acme', { 'queues.feedback': undefined });
  account.parameters = ['/mht/suppression-key', '/mht/zendesk-token', '/mht/discord-webhook-url'];

  expect(await problems()).toEqual(['instances/acme.yml: hashKey: names a parameter that does not exist']);
});

/** The outputs of a deployed acme with this folder, and with these queues by their logical ids. */
function deployed(prefix: string, more: Record<string, string> = {}): Record<string, string> {
  const queues = { FeedbackQueue: 'acme-feedback.fifo', FeedbackDlq: 'acme-feedback-dlq.fifo', ...more };
  const url = (name: string) => `https://sqs.eu-west-1.amazonaws.com/123456789012/${name}`;
  const urls = Object.entries(queues).map(([id, name]) => [`${id}Url`, url(name)]);
  return { Folder: `acme-bucket/${prefix}`, ...Object.fromEntries(urls) };
}
const removed = (queue: string) => `queues: the deployed queue ${queue} would be removed`;

test.each<[string, Record<string, string>, string]>([
  ['another folder', deployed('jobs'), 'prefix: the folder would change from acme-bucket/jobs to acme-bucket/acme'],
  ['an unnamed queue', deployed('acme', { AnalyticsQueue: 'acme-analytics.fifo' }), removed('acme-analytics.fifo')],
  ['a queue of another type', deployed('acme', { EmailsQueue: 'acme-emails' }), removed('acme-emails')],
])('a stack with %s is refused while work has not ended, and accepted then', async (_what, outputs, expected) => {
  account.deployed = outputs;
  account.live = 2;
  expect(await problems()).toEqual([
    `instances/acme.yml: ${expected} while work has not ended (2 or more). Wait until sls jobs list, sls campaign list and sls queues show none`,
  ]);
  account.live = 0;
  expect(await problems()).toEqual([]);

  // Messages in the queue or its DLQ may have no row.
  account.deployed = deployed('acme', { AnalyticsDlq: 'acme-analytics-dlq.fifo' });
  account.messages = 3;
  expect(await problems()).toEqual([expect.stringContaining(removed('acme-analytics-dlq.fifo'))]);
});

test.each([
  ['the same folder and queues', deployed('acme', { EmailsQueue: 'acme-emails.fifo' })],
  ['only what a first deployment begins with', { ServerlessDeploymentBucketName: 'a-bucket' }],
])('a stack with %s is accepted with work that has not ended', async (_what, outputs) => {
  account.deployed = outputs;
  account.live = 2;
  account.messages = 2;

  expect(await problems()).toEqual([]);
});

test('of two instances that claim one folder at the same time, one succeeds, and may claim it again', async () => {
  const objects = memoryObjects();
  const claim = (instance: string) => claimFolder(objects, 'jobs', instance);

  const claims = await Promise.all(['acme', 'globex'].map(claim));

  const owner = claims[0] ? 'acme' : 'globex';
  expect(claims.filter(Boolean)).toHaveLength(1);
  expect([await folderOwner(objects, 'jobs'), await claim(owner)]).toEqual([owner, true]);
  // A marker that is not ours belongs to no instance.
  await objects.put(ownerKey('jobs'), 'hello', 'text/plain');
  expect(await claim('acme')).toBe(false);
});

test('an instance claims no folder in or around the folder of another, and leaves no claim then', async () => {
  const objects = memoryObjects();
  await claimFolder(objects, 'shops/one', 'acme');

  const claims = ['shops', 'shops/one/jobs', 'shops/one/a/b', 'shops/on', 'shops/one-2', 'shops/one'];
  const claimed = await mapEach(claims, 1, (prefix) => claimFolder(objects, prefix, 'globex'));

  expect(claims.filter((_, index) => claimed[index])).toEqual(['shops/on', 'shops/one-2']);
  expect((await objects.list('')).toSorted()).toEqual(
    ['shops/on/_owner', 'shops/one-2/_owner', 'shops/one/_owner'].toSorted(),
  );
});

const ofFile = (name: string) => deploymentProblems(readInstance(name, root));

test('the file of an instance cannot be deployed while it holds values of the examples, and names each', async () => {
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

test('the file of an instance can be deployed once it is filled in, but not without TLS, or as the local stage', () => {
  changeInstance(root, 'mht-api', { ...WITH_APPLE, bucket: 'mht-bucket' });
  expect([ofFile('mht-api'), ofFile('acme')]).toEqual([[], []]);

  changeInstance(root, 'acme', { 'sendgrid.endpoint': 'HTTP://mail.acme.test' });
  expect(ofFile('acme')).toEqual(['instances/acme.yml: sendgrid.endpoint: must begin with https://']);
  expect(ofFile('local')).toEqual([expect.stringContaining('stage local is the service on this machine')]);
});
