import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Findings, preflight } from '../../../lib/cli/preflight';
import { lifecycleRules } from '../../../lib/cli/retention';
import type { Template } from '../../../lib/cli/serverless';
import { readInstance } from '../../../lib/instances/read';
import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { answerSettings, type BucketSettings, safeSettings } from '../../support/bucket-settings';
import { changeInstance, FILLED_IN, instanceFolder } from '../../support/instances';

/** What the account holds, as a test sets it. */
interface Account {
  buckets: Record<string, number>;
  settings: BucketSettings;
  owner?: string;
  parameters: string[];
  secrets: string[];
  deployed?: Template;
  live: number;
  /** Whether these credentials may read secrets. */
  readable?: boolean;
  keyReads: number;
}

const KEY = 'SG.the-key';

let account: Account;
let server: http.Server;
let root: string;
let remove: () => void;

beforeEach(async () => {
  account = {
    buckets: { 'acme-bucket': 200 },
    settings: safeSettings('acme-bucket', lifecycleRules(readInstance('acme')).Rules),
    parameters: ['/mht/hash-key', '/mht/zendesk-token', '/mht/discord-webhook-url'],
    secrets: ['mht/sendgrid'],
    live: 0,
    keyReads: 0,
  };
  server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ root, remove } = instanceFolder());
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  remove();
});

/** The parts of S3, SSM, Secrets Manager and CloudFormation that the checks call. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const [, bucket = '', ...key] = new URL(request.url ?? '/', 'http://x').pathname.split('/');
    const reply = (status: number, text = '') => void response.writeHead(status).end(text);
    const target = String(request.headers['x-amz-target'] ?? '');
    if (request.method === 'HEAD') return reply(account.buckets[bucket] ?? 404);
    if (answerSettings(account.settings, request, response)) return;
    if (request.method === 'GET' && key.at(-1) === '_owner')
      return account.owner === undefined
        ? reply(404, '<Error><Code>NoSuchKey</Code></Error>')
        : reply(200, JSON.stringify({ instance: account.owner }));
    if (target.endsWith('GetParameter')) {
      const { Name } = JSON.parse(body) as { Name: string };
      return account.parameters.includes(Name)
        ? reply(200, JSON.stringify({ Parameter: { Name, Value: 'value' } }))
        : reply(400, JSON.stringify({ __type: 'ParameterNotFound' }));
    }
    if (target.endsWith('DescribeSecret')) {
      const { SecretId } = JSON.parse(body) as { SecretId: string };
      return account.secrets.includes(SecretId)
        ? reply(200, JSON.stringify({ Name: SecretId }))
        : reply(400, JSON.stringify({ __type: 'ResourceNotFoundException' }));
    }
    if (target.endsWith('GetSecretValue')) account.keyReads += 1;
    if (target.endsWith('GetSecretValue'))
      return account.readable
        ? reply(200, JSON.stringify({ SecretString: KEY }))
        : reply(400, JSON.stringify({ __type: 'AccessDeniedException' }));
    if (account.deployed === undefined)
      return reply(
        400,
        '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code></Error></ErrorResponse>',
      );
    reply(
      200,
      `<GetTemplateResponse><GetTemplateResult><TemplateBody>${JSON.stringify(account.deployed)}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
    );
  });
}

const problems = async (of?: string): Promise<string[]> => (await findings(of)).problems;

function findings(of = '123456789012'): Promise<Findings> {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    region: 'eu-west-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    endpoint,
    maxAttempts: 1,
  };
  return preflight(readInstance('acme', root), { config, account: of, unfinished: async () => account.live });
}

test('an account with the bucket and all secrets is ready for a first deployment', async () => {
  expect(await problems()).toEqual([]);
});

test('credentials of another account are refused before anything else is asked', async () => {
  account.buckets = {};

  expect(await problems('999999999999')).toEqual([
    'instances/acme.yml: account: is 123456789012, but the credentials are of 999999999999',
  ]);
});

test('everything that is missing is named at once', async () => {
  account = { ...account, buckets: {}, parameters: ['/mht/zendesk-token'], secrets: [] };

  expect(await problems()).toEqual([
    'instances/acme.yml: bucket: does not exist',
    'instances/acme.yml: sendgrid.apiKey: names a secret that does not exist',
    'instances/acme.yml: hashKey: names a parameter that does not exist',
    'instances/acme.yml: notify.discord: names a parameter that does not exist',
  ]);
});

test('a bucket that these credentials may not read is named with the permission', async () => {
  account.buckets = { 'acme-bucket': 403 };

  expect(await problems()).toEqual(['instances/acme.yml: bucket: cannot be read by these credentials (s3:ListBucket)']);
});

test('a bucket that is not safe for production is refused, beside every other problem', async () => {
  account.settings = { ...account.settings, versioning: 'Suspended' };
  account.parameters = ['/mht/hash-key', '/mht/discord-webhook-url'];

  const [bucket = '', ...others] = await problems();

  expect(bucket).toContain('instances/acme.yml: bucket: is not safe for production:\n  It does not keep old versions');
  expect(others).toEqual(['instances/acme.yml: zendesk.token: names a parameter that does not exist']);
});

test('a folder that another instance has claimed is refused, and its own is not', async () => {
  account.owner = 'globex';
  expect(await problems()).toEqual([
    'instances/acme.yml: prefix: the folder acme-bucket/acme belongs to globex (its object _owner says so)',
  ]);
  account.owner = 'acme';
  expect(await problems()).toEqual([]);
});

/** A deployed template of acme with a function that has this folder, and with these queues by their logical ids. */
const deployed = (prefix: string, queues: Record<string, string>): Template => ({
  Resources: {
    FeedbackLambdaFunction: {
      Type: 'AWS::Lambda::Function',
      Properties: { Environment: { Variables: { BUCKET: 'acme-bucket', PREFIX: prefix } } },
    },
    FeedbackQueue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'acme-feedback.fifo' } },
    FeedbackDlq: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'acme-feedback-dlq.fifo' } },
    ...Object.fromEntries(
      Object.entries(queues).map(([id, QueueName]) => [id, { Type: 'AWS::SQS::Queue', Properties: { QueueName } }]),
    ),
  },
});

test.each<[string, Template, string]>([
  ['another folder', deployed('jobs', {}), 'prefix: the folder would change from acme-bucket/jobs to acme-bucket/acme'],
  [
    'a queue that the file does not name',
    deployed('acme', { AnalyticsQueue: 'acme-analytics.fifo' }),
    'queues: the deployed queue acme-analytics.fifo would be removed',
  ],
  [
    'a queue of another type',
    deployed('acme', { EmailsQueue: 'acme-emails' }),
    'queues: the deployed queue acme-emails would be removed',
  ],
])('a stack with %s is refused while work has not ended, and accepted then', async (_what, template, expected) => {
  account.deployed = template;
  account.live = 2;
  expect(await problems()).toEqual([
    `instances/acme.yml: ${expected} while jobs or campaigns have not ended (2 or more). Wait until sls jobs list and sls campaign list show none`,
  ]);
  account.live = 0;
  expect(await problems()).toEqual([]);
});

test.each([
  ['the same folder and queues', deployed('acme', { EmailsQueue: 'acme-emails.fifo' })],
  ['only what a first deployment begins with', { Resources: { Bucket: { Type: 'AWS::S3::Bucket' } } }],
])('a stack with %s is accepted with work that has not ended', async (_what, template) => {
  account.deployed = template;
  account.live = 2;

  expect(await problems()).toEqual([]);
});

describe('the templates of the file', () => {
  const [confirmation, german] = ['d-00000000000000000000000000000001', 'd-00000000000000000000000000000002'];
  let sendgrid: FakeSendgrid;

  beforeEach(async () => {
    sendgrid = await startFakeSendgrid({
      apiKey: KEY,
      templates: { [confirmation]: { active: true }, [german]: { active: true } },
    });
    account.readable = true;
    changeInstance(root, 'acme', {
      'sendgrid.endpoint': sendgrid.url,
      'sendgrid.templates': { feedback: confirmation, feedbackByLanguage: { de: german } },
    });
  });
  afterEach(() => sendgrid.close());

  test('are asked for at SendGrid with the key of the instance', async () => {
    expect(await findings()).toEqual({ problems: [], notes: [] });
    expect(account.keyReads).toBe(1);
    expect(sendgrid.requests.map(({ path }) => path).sort()).toEqual(
      [confirmation, german].map((id) => `/v3/templates/${id}`),
    );
  });

  test('that SendGrid does not have, or that have no active version, are problems', async () => {
    await sendgrid.close();
    sendgrid = await startFakeSendgrid({ templates: { [german]: { active: false } } });
    changeInstance(root, 'acme', { 'sendgrid.endpoint': sendgrid.url });

    expect(await problems()).toEqual([
      'instances/acme.yml: sendgrid.templates.feedback: names a template that SendGrid does not have',
      'instances/acme.yml: sendgrid.templates.feedbackByLanguage.de: names a template without an active version',
    ]);
  });

  test('are not checked with a key that may only send mail, or if SendGrid does not answer', async () => {
    sendgrid.fail({ path: confirmation, status: 403 });
    sendgrid.fail({ path: german, before: 'reset' });

    expect(await findings()).toEqual({
      problems: [],
      notes: [
        'instances/acme.yml: sendgrid.templates.feedback: not checked: the API key may not read templates',
        'instances/acme.yml: sendgrid.templates.feedbackByLanguage.de: not checked: SendGrid did not answer',
      ],
    });
  });

  test('are not checked if these credentials cannot read the key', async () => {
    account.readable = false;

    expect((await findings()).notes).toEqual([
      'instances/acme.yml: sendgrid.templates.feedback: not checked: these credentials cannot read sendgrid.apiKey',
      'instances/acme.yml: sendgrid.templates.feedbackByLanguage.de: not checked: these credentials cannot read sendgrid.apiKey',
    ]);
    expect(sendgrid.requests).toEqual([]);
  });

  test('show a key that SendGrid refuses, once', async () => {
    sendgrid.fail({ status: 401, times: 'forever' });

    expect(await findings()).toEqual({
      problems: ['instances/acme.yml: sendgrid.apiKey: names a key that SendGrid refuses (401)'],
      notes: [],
    });
  });

  test('are not checked over an endpoint without TLS, because the key would travel in the clear', async () => {
    changeInstance(root, 'acme', { 'sendgrid.endpoint': 'http://sendgrid.test' });

    expect((await findings()).notes).toEqual([
      'instances/acme.yml: sendgrid.templates: not checked: sendgrid.endpoint has no TLS',
    ]);
  });
});

test.each([
  ['a queue that hashes addresses', { hashKey: undefined }, 1],
  ['only queues that hash none', { hashKey: undefined, 'queues.feedback': undefined }, 0],
])(
  'an instance without a hash key and with %s is deployed, and a note says so if it matters',
  async (_what, changes, count) => {
    changeInstance(root, 'acme', changes);

    expect(await findings()).toEqual({
      problems: [],
      notes: Array(count).fill(
        'instances/acme.yml: hashKey: is missing, so anyone with a list of addresses can tell whose a stored hash is',
      ),
    });
  },
);

test('without templates the key is not read', async () => {
  expect(await findings()).toEqual({ problems: [], notes: [] });
  expect(account.keyReads).toBe(0);
});
