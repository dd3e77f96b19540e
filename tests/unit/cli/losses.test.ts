import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuseLosses } from '../../../lib/cli/refuse-losses';
import type { Template } from '../../../lib/cli/serverless';
import { templateOf } from '../../support/packages';

/** What the account holds. A queue that is not named does not exist. */
interface Account {
  template: Template;
  messages: Record<string, number>;
  /** Jobs and campaigns that have not ended. */
  live: number;
}

const REGION = 'us-east-1';
let compiled: Template;
let account: Account;
let server: http.Server;
let asked: string[];

beforeAll(async () => {
  compiled = (await templateOf('prod')) as unknown as Template;
});
beforeEach(async () => {
  account = { template: compiled, messages: {}, live: 0 };
  asked = [];
  server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** The part of SQS that the check calls. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const reply = (status: number, text: string) => void response.writeHead(status).end(text);
    const target =
      String(request.headers['x-amz-target'] ?? '')
        .split('.')
        .at(-1) ?? '';
    asked.push(target);
    if (target === 'GetQueueAttributes') {
      const { QueueUrl } = JSON.parse(body) as { QueueUrl: string };
      const count = account.messages[QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1)];
      return count === undefined
        ? reply(400, JSON.stringify({ __type: 'com.amazonaws.sqs#QueueDoesNotExist' }))
        : reply(200, JSON.stringify({ Attributes: { ApproximateNumberOfMessages: String(count) } }));
    }
    reply(500, '{}');
  });
}

/** Checks a deployment whose template differs from the deployed one. */
function deploy(change: (template: Template) => void = () => {}): Promise<void> {
  const template = structuredClone(compiled);
  change(template);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = { region: REGION, credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, endpoint };
  return refuseLosses(
    { deployed: account.template, next: template },
    { config, region: REGION, account: '123456789012', unfinished: async () => account.live },
  );
}

const drop = (id: string) => (template: Template) => {
  delete template.Resources[id];
};
const moveTo = (bucket: string) => (template: Template) => {
  for (const { Properties } of Object.values(template.Resources))
    Object.assign((Properties as { Environment?: { Variables?: object } })?.Environment?.Variables ?? {}, {
      BUCKET: bucket,
    });
};
const set = (id: string, properties: object) => (template: Template) => {
  Object.assign(template.Resources[id]?.Properties ?? {}, properties);
};

test('a deployment without a change of queues and table asks SQS nothing', async () => {
  await deploy(drop('FeedbackLambdaFunction'));

  expect(asked).toEqual([]);
});

test.each([
  ['removed', drop('AnalyticsQueue'), 'mht-api-analytics.fifo'],
  ['replaced', set('AnalyticsQueue', { QueueName: 'mht-api-analytics', FifoQueue: false }), 'mht-api-analytics.fifo'],
  ['removed', drop('AnalyticsDlq'), 'mht-api-analytics-dlq.fifo'],
] as const)('a queue with messages cannot be %s', async (change, deployment, queue) => {
  account.messages[queue] = 3;

  await expect(deploy(deployment)).rejects.toThrow(
    `This would lose data. Nothing was changed.\nThe queue ${queue} would be ${change} with about 3 messages. Keep it until it is empty`,
  );
});

test('an empty queue can be removed, and so can one that does not exist any more', async () => {
  account.messages['mht-api-analytics.fifo'] = 0;

  await deploy((template) => {
    drop('AnalyticsQueue')(template);
    drop('AnalyticsDlq')(template);
  });

  expect(asked).toEqual(['GetQueueAttributes', 'GetQueueAttributes']);
});

const HOUR = 3600;
const shorter = set('FeedbackQueue', { MessageRetentionPeriod: 48 * HOUR });

test.each([
  ['queue', 'FeedbackQueue', 'mht-api-feedback.fifo'],
  ['DLQ', 'FeedbackDlq', 'mht-api-feedback-dlq.fifo'],
])('the retention of a %s cannot become shorter while it has messages', async (_what, id, queue) => {
  account.messages[queue] = 3;

  await expect(deploy(set(id, { MessageRetentionPeriod: 48 * HOUR }))).rejects.toThrow(
    `The queue ${queue} would keep messages for 48 hours only, and has about 3. SQS would delete the older ones. Wait until it is empty: let its worker finish, or redrive or discard its dead jobs.`,
  );
});

test('a longer retention, or a shorter one of an empty queue, is deployed', async () => {
  account.messages['mht-api-feedback.fifo'] = 0;
  await deploy(shorter);
  account.template = structuredClone(compiled);
  shorter(account.template);
  account.messages['mht-api-feedback.fifo'] = 1;
  await deploy();
});

test.each([
  ['removed', drop('JobsTable')],
  ['replaced', set('JobsTable', { TableName: 'other-jobs' })],
  ['replaced', set('JobsTable', { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] })],
] as const)('the table cannot be %s', async (change, deployment) => {
  await expect(deploy(deployment)).rejects.toThrow(
    `The table mht-api-jobs would be ${change}, with the rows of all jobs.`,
  );
});

test.each([
  ['queues: the deployed queue mht-api-analytics.fifo would be removed', drop('AnalyticsQueue')],
  ['prefix: the folder would change from team-bucket/jobs to other/jobs', moveTo('other')],
] as const)('a move is refused while work has not ended: %s', async (moved, deployment) => {
  account.live = 1;
  await expect(deploy(deployment)).rejects.toThrow(
    `the template: ${moved} while jobs or campaigns have not ended (1 or more)`,
  );

  account.live = 0;
  await expect(deploy(deployment)).resolves.toBeUndefined();
});

test('every loss is named at once', async () => {
  account.messages = { 'mht-api-analytics.fifo': 1, 'mht-api-analytics-dlq.fifo': 2 };

  await expect(
    deploy((template) => {
      for (const id of ['AnalyticsQueue', 'AnalyticsDlq', 'JobsTable']) drop(id)(template);
    }),
  ).rejects.toThrow(/analytics\.fifo would be removed with about 1 [\s\S]*about 2 [\s\S]*The table mht-api-jobs/);
});
