import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeCore, beforeDeployment, beforeRemoval, beforeRollback } from '../../../lib/cli/core-command';
import { deploymentPlan, removalPlan, rollbackPlan } from '../../../lib/cli/plan';
import type { AwsConfig, Serverless, Template } from '../../../lib/cli/serverless';
import { readInstance } from '../../../lib/instances/read';
import { commonVariables } from '../../../lib/instances/variables';
import { CAMPAIGN_QUEUE, campaignKey, todoKey } from '../../../lib/jobs/keys';

const BUCKET = 'the-deployment-bucket';
/** What the account holds, as a test sets it. */
let account: {
  template?: Template;
  archives: Record<string, string>;
  objects: Record<string, string>;
  /** The id of a campaign that has not ended. */
  campaign?: string;
  /** Messages of each queue. */
  messages?: number;
};
let server: http.Server;
let folder: string;

beforeEach(async () => {
  account = { archives: {}, objects: {} };
  folder = mkdtempSync(join(tmpdir(), 'package-'));
  server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

/** The calls of CloudFormation, S3, SQS and DynamoDB that the commands make. Any other call fails. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const reply = (status: number, text = '', headers = {}) => void response.writeHead(status, headers).end(text);
    if (request.method === 'HEAD') {
      const hash = account.archives[decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname)];
      return hash === undefined ? reply(404) : reply(200, '', { 'x-amz-meta-filesha256': hash });
    }
    if (request.method === 'GET') {
      const text = account.objects[decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname)];
      return text === undefined ? reply(404, '<Error><Code>NoSuchKey</Code></Error>') : reply(200, text);
    }
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1];
    if (operation === 'GetQueueAttributes')
      return reply(200, JSON.stringify({ Attributes: { ApproximateNumberOfMessages: String(account.messages ?? 0) } }));
    if (operation !== undefined) return reply(200, JSON.stringify(tableAnswer(operation, body)));
    const action = new URLSearchParams(body).get('Action');
    if (!account.template)
      return reply(
        400,
        '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code></Error></ErrorResponse>',
      );
    if (action === 'GetTemplate') {
      const text = JSON.stringify(account.template).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      return reply(
        200,
        `<GetTemplateResponse><GetTemplateResult><TemplateBody>${text}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
      );
    }
    if (action === 'DescribeStacks')
      return reply(
        200,
        `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName><CreationTime>2026-01-02T03:04:05Z</CreationTime><StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member><OutputKey>ServerlessDeploymentBucketName</OutputKey><OutputValue>${BUCKET}</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
      );
    return reply(500);
  });
}

/** A table that holds the campaign and nothing else. */
function tableAnswer(operation: string, body: string): object {
  const { campaign } = account;
  const key = { S: campaignKey(campaign ?? '') };
  if (campaign === undefined || !body.includes(operation === 'Query' ? todoKey(CAMPAIGN_QUEUE, 'campaign') : key.S))
    return operation === 'Query' ? { Items: [] } : {};
  return operation === 'Query' ? { Items: [{ key, todoAt: { N: '1' } }] } : { Item: { key, version: { N: '1' } } };
}

const acme = () => readInstance('acme');
const config = (): AwsConfig =>
  ({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    maxAttempts: 1,
  }) as AwsConfig;
const plan = (template: Template) => deploymentPlan(acme(), { template, folder, config: config() });

/** A template whose function has its code under a key of this deployment. */
const withCode = (at: string, code: string, prefix = 'acme'): Template => {
  writeFileSync(join(folder, 'feedback.zip'), code);
  const S3Key = `serverless/background-jobs/prod/${at}/feedback.zip`;
  const Environment = { Variables: { BUCKET: 'acme-example-bucket', PREFIX: prefix } };
  const Properties = { FunctionName: 'acme-feedback', Code: { S3Bucket: { Ref: 'Bucket' }, S3Key }, Environment };
  return { Resources: { Feedback: { Type: 'AWS::Lambda::Function', Properties } } };
};
const hash = (text: string) => createHash('sha256').update(text).digest('base64');

test('before the first deployment everything would be created', async () => {
  expect(await plan(withCode('2', 'code'))).toEqual(['  create AWS::Lambda::Function acme-feedback']);
});

test('the same code under the key of a new deployment is no change', async () => {
  account.template = withCode('1', 'code');
  account.archives[`/${BUCKET}/serverless/background-jobs/prod/1/feedback.zip`] = hash('code');

  expect(await plan(withCode('2', 'code'))).toEqual(['  nothing']);
});

test.each(['other code', undefined])(
  'new code is a change of its function, also if the deployed archive is %s',
  async (deployed) => {
    account.template = withCode('1', 'code');
    if (deployed) account.archives[`/${BUCKET}/serverless/background-jobs/prod/1/feedback.zip`] = hash(deployed);

    expect(await plan(withCode('2', 'code'))).toEqual(['  change AWS::Lambda::Function acme-feedback: Code']);
  },
);

test('a removal lists what goes, what CloudFormation forgets, and that the objects stay', () => {
  account.template = {
    Resources: {
      Table: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'acme-jobs' }, DeletionPolicy: 'Retain' },
      Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'acme-alarms' } },
    },
  };

  expect(removalPlan(acme(), account.template)).toEqual([
    '  keep all objects of acme-example-bucket/acme/',
    '  no longer manage AWS::DynamoDB::Table acme-jobs',
    '  REMOVE AWS::SNS::Topic acme-alarms',
  ]);
});

test('a removal without a stack would do nothing', () => {
  expect(removalPlan(acme(), account.template)).toEqual(['  nothing, because there is no such stack']);
});

describe('a roll-back', () => {
  const earlier = { service: 'background-jobs', timestamp: '1767323045000' };
  const folderOf = '/the-deployment-bucket/serverless/background-jobs/prod/1767323045000-2026-01-02T03:04:05.000Z';

  test.each(['1767323045000', '2026-01-02T03:04:05.000Z'])(
    'to %s is compared with the template of that deployment',
    async (timestamp) => {
      account.template = withCode('2', 'new code');
      account.archives[`/${BUCKET}/serverless/background-jobs/prod/2/feedback.zip`] = hash('new code');
      account.archives[`/${BUCKET}/serverless/background-jobs/prod/1/feedback.zip`] = hash('code');
      const old = { ...withCode('1', 'code').Resources, Topic: { Type: 'AWS::SNS::Topic' } };
      account.objects[`${folderOf}/compiled-cloudformation-template.json`] = JSON.stringify({ Resources: old });

      const { lines, template } = await rollbackPlan(acme(), { ...earlier, timestamp, config: config() });

      expect(lines).toEqual(['  create AWS::SNS::Topic Topic', '  change AWS::Lambda::Function acme-feedback: Code']);
      expect(Object.keys(template.Resources)).toEqual(['Feedback', 'Topic']);
    },
  );

  test.each(['1767323045000', 'yesterday', '9'.repeat(20)])(
    'to %s, when nothing was deployed, is refused',
    async (timestamp) => {
      account.template = withCode('2', 'code');

      await expect(rollbackPlan(acme(), { ...earlier, timestamp, config: config() })).rejects.toThrow(
        `There is no deployment with the timestamp ${timestamp}.`,
      );
    },
  );

  test.each(['<html>', '{"Resources":{"Topic":null}}', 'null'])(
    'to a deployment whose stored template is %s is refused',
    async (stored) => {
      account.template = withCode('2', 'code');
      account.objects[`${folderOf}/compiled-cloudformation-template.json`] = stored;

      await expect(rollbackPlan(acme(), { ...earlier, config: config() })).rejects.toThrow(
        'The template of that deployment is not one that Serverless wrote. Nothing was changed.',
      );
    },
  );

  test('asks below its list, and a dry run ends there', async () => {
    jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const printed = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    account.template = withCode('2', 'code');
    account.objects[`${folderOf}/compiled-cloudformation-template.json`] = JSON.stringify(account.template);
    const options = { param: 'instance=acme', timestamp: earlier.timestamp };
    const ended = new Error('ended');

    await expect(
      beforeRollback(
        slsCall(async () => {}),
        options,
      ),
    ).rejects.toThrow('This changes acme in production');
    expect(printed.mock.calls[0]?.[0]).toBe('The roll-back of acme would:\n');
    await expect(
      beforeRollback(
        slsCall(() => Promise.reject(ended)),
        { ...options, 'dry-run': true },
      ),
    ).rejects.toBe(ended);
    jest.restoreAllMocks();
  });

  test('to another folder is refused while a campaign has not ended, and asked about then', async () => {
    jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    account = { ...account, template: withCode('2', 'code'), campaign: '1' };
    account.objects[`${folderOf}/compiled-cloudformation-template.json`] = JSON.stringify(
      withCode('1', 'code', 'jobs'),
    );
    const back = () =>
      beforeRollback(
        slsCall(async () => {}),
        { param: 'instance=acme', timestamp: earlier.timestamp },
      );

    await expect(back()).rejects.toThrow(
      'the template: prefix: the folder would change from acme-example-bucket/acme to acme-example-bucket/jobs while jobs or campaigns have not ended (1 or more).',
    );
    delete account.campaign;
    await expect(back()).rejects.toThrow('This changes acme in production');
    jest.restoreAllMocks();
  });

  test('without a timestamp only lists deployments, so nothing is asked', async () => {
    await expect(
      beforeRollback(
        slsCall(async () => {}),
        { param: 'instance=acme' },
      ),
    ).resolves.toBeUndefined();
  });
});

test('a package with another folder than the deployed one is refused while a campaign has not ended', async () => {
  jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
  account = { ...account, template: withCode('1', 'code'), campaign: '1' };
  const serverless = slsCall(async () => {});
  serverless.service.provider.compiledCloudFormationTemplate = withCode('2', 'code', 'jobs');

  await expect(beforeDeployment(serverless, { param: 'instance=acme', package: folder, yes: true })).rejects.toThrow(
    'the folder would change from acme-example-bucket/acme to acme-example-bucket/jobs',
  );
  jest.restoreAllMocks();
});

const RETAIN = { DeletionPolicy: 'Retain' };

describe('a production deployment that takes the protection from a queue or the table', () => {
  const template = (protection: { DeletionPolicy?: string } = {}): Template => ({
    Resources: {
      Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'acme-emails.fifo' }, ...protection },
      Table: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'acme-jobs' }, ...protection },
      Topic: { Type: 'AWS::SNS::Topic', ...protection },
    },
  });
  const deploy = (next: Template, options: object) => {
    const serverless = slsCall(async () => {});
    serverless.service.provider.compiledCloudFormationTemplate = next;
    return beforeDeployment(serverless, { param: 'instance=acme', package: folder, yes: true, ...options });
  };
  /** What comes after the question. */
  const goesOn = 'S3 PutObject failed';

  beforeEach(() => {
    jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    account.template = template(RETAIN);
  });
  afterEach(() => jest.restoreAllMocks());

  test.each(['Queue', 'Table'])('needs the typed name of the instance, and --yes is not enough: %s', async (id) => {
    const next = template(RETAIN);
    delete next.Resources[id]?.DeletionPolicy;

    await expect(deploy(next, {})).rejects.toThrow(
      'This ends the protection of queues or table of acme in production, so that sls remove would delete them. It needs the name of the instance: type it, or add --confirm acme. Nothing was changed.',
    );
    await expect(deploy(next, { confirm: 'acme-staging' })).rejects.toThrow('type it, or add --confirm acme.');
    await expect(deploy(next, { confirm: 'acme' })).rejects.toThrow(goesOn);
  });

  test('needs it in a roll-back too', async () => {
    const key =
      '/the-deployment-bucket/serverless/background-jobs/prod/1767323045000-2026-01-02T03:04:05.000Z/compiled-cloudformation-template.json';
    account.objects[key] = JSON.stringify(template());
    const back = (options: object) =>
      beforeRollback(
        slsCall(async () => {}),
        { param: 'instance=acme', timestamp: '1767323045000', yes: true, ...options },
      );

    await expect(back({})).rejects.toThrow('type it, or add --confirm acme.');
    await expect(back({ confirm: 'acme' })).resolves.toBeUndefined();
  });

  test('is only that: without a change of the protection --yes is enough', async () => {
    const next = template(RETAIN);
    delete next.Resources.Topic;
    // CloudFormation forgets it, and it stays.
    delete next.Resources.Queue;
    await expect(deploy(next, {})).rejects.toThrow(goesOn);

    account.template = template();
    await expect(deploy(template(), {})).rejects.toThrow(goesOn);

    delete account.template;
    await expect(deploy(template(), {})).rejects.toThrow(goesOn);
  });
});

describe('a removal of production', () => {
  const queues = (protection: { DeletionPolicy?: string } = {}): Template => ({
    Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'acme-emails.fifo' }, ...protection } },
  });
  const remove = () =>
    beforeRemoval(
      slsCall(async () => {}),
      { param: 'instance=acme' },
    );

  test('is refused while a queue that it would delete has messages', async () => {
    account = { ...account, template: queues(), messages: 2 };
    await expect(remove()).rejects.toThrow('The queue acme-emails.fifo would be removed with about 2 messages.');

    account.messages = 0;
    await expect(remove()).resolves.toBeUndefined();
  });

  test('goes on if the queue stays', async () => {
    account = { ...account, template: queues(RETAIN), messages: 2 };

    await expect(remove()).resolves.toBeUndefined();
  });
});

test('one function alone is not deployed with another folder or without a deployed queue', async () => {
  jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
  account.template = withCode('1', 'code', 'jobs');
  account.template.Resources.AnalyticsQueue = {
    Type: 'AWS::SQS::Queue',
    Properties: { QueueName: 'acme-analytics.fifo' },
  };
  const serverless = slsCall(async () => {});
  serverless.processedInput.commands = ['deploy', 'function'];
  const deploy = () => beforeCore(serverless, { param: 'instance=acme', yes: true });

  await expect(deploy()).rejects.toThrow(
    [
      'instances/acme.yml: queues: the deployed queue acme-analytics.fifo would be removed',
      'instances/acme.yml: prefix: the folder would change from acme-example-bucket/jobs to acme-example-bucket/acme',
      'sls deploy function would change that for one function only. Nothing was changed. Use sls deploy.',
    ].join('\n'),
  );
  account.template = withCode('1', 'code');
  await expect(deploy()).resolves.toBeUndefined();
  jest.restoreAllMocks();
});

/** A `sls` call on acme. `spawn`: how Serverless ends the command. */
function slsCall(spawn: () => Promise<void>) {
  const serverless = {
    classes: { Error },
    processedInput: { commands: ['remove'] },
    pluginManager: { spawn },
    service: {
      service: 'background-jobs',
      provider: { environment: commonVariables(acme()) },
      functions: {},
      custom: { instance: { account: '123456789012' } },
    },
    getProvider: () => ({
      getStage: () => 'prod',
      getRegion: () => 'eu-west-1',
      getAwsSdkV3Config: async () => config(),
      getAccountId: async () => '123456789012',
    }),
  } as unknown as Serverless;
  return serverless;
}

describe('a dry run of a removal', () => {
  const options = { param: 'instance=acme', 'dry-run': true };
  beforeEach(() => jest.spyOn(process.stdout, 'write').mockImplementation(() => true));
  afterEach(() => jest.restoreAllMocks());

  test('ends the command before it removes anything, and Serverless reports no removal', async () => {
    const ended = new Error('ended');
    const serverless = slsCall(() => Promise.reject(ended));

    await expect(beforeRemoval(serverless, options)).rejects.toBe(ended);
    expect(serverless.processedInput.commands).toEqual([]);
  });

  test('fails if Serverless does not end the command', async () => {
    await expect(
      beforeRemoval(
        slsCall(async () => {}),
        options,
      ),
    ).rejects.toThrow('Nothing was changed.');
  });

  test('does not stop a removal without --dry-run', async () => {
    await expect(
      beforeRemoval(
        slsCall(() => Promise.reject(new Error('ended'))),
        { param: 'instance=acme' },
      ),
    ).resolves.toBeUndefined();
  });
});
