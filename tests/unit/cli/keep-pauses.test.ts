import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Ops } from '../../../lib/cli/plugin';
import type { Serverless, Template } from '../../../lib/cli/serverless';
import { readInstance } from '../../../lib/instances/read';
import { commonVariables } from '../../../lib/instances/variables';
import { pauseKey } from '../../../lib/jobs/keys';

class ServerlessError extends Error {}

const ACCOUNT = '123456789012';
const QUEUES = ['emails', 'feedback'];
/** What the account holds, as a test sets it. */
let paused: string[];
let on: Map<string, boolean>;
let deployed: Template;
let denied: string | undefined;
let server: http.Server;
let notes: string[];
let changed: string[];

beforeEach(async () => {
  paused = [];
  on = new Map(QUEUES.map((queue) => [queue, true]));
  deployed = templateOf({});
  denied = undefined;
  notes = [];
  changed = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((line) => {
    notes.push(String(line).trim());
    return true;
  });
  server = http.createServer((request, response) => {
    void answer(request).then(({ status = 200, body }) => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A template with a mapping for each queue. */
function templateOf(disabled: Record<string, true>): Template {
  const mapping = (queue: string) => ({
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: { FunctionName: { 'Fn::GetAtt': [`${queue}Function`, 'Arn'] }, Enabled: !disabled[queue] },
  });
  return { Resources: Object.fromEntries(QUEUES.map((queue) => [`${queue}Mapping`, mapping(queue)])) };
}

/** The calls of DynamoDB, SQS, Lambda and CloudFormation about pauses. The ARN of a queue ends like `emails.fifo`. */
async function answer(request: http.IncomingMessage): Promise<{ status?: number; body: string }> {
  const body = await text(request);
  const url = new URL(request.url ?? '', 'http://aws');
  const target = String(request.headers['x-amz-target']).split('.').at(-1);
  if (target === denied) return { status: 400, body: JSON.stringify({ __type: 'AccessDeniedException' }) };
  if (target === 'GetItem') {
    const key = (JSON.parse(body) as { Key: { key: { S: string } } }).Key.key.S;
    const isPaused = paused.some((queue) => pauseKey(queue) === key);
    return { body: JSON.stringify(isPaused ? { Item: { key: { S: key }, version: { N: '1' } } } : {}) };
  }
  if (target === 'GetQueueUrl') return { body: JSON.stringify({ QueueUrl: `https://sqs.test/${ACCOUNT}/q` }) };
  if (url.pathname.startsWith('/2015-03-31/event-source-mappings')) {
    if (request.method === 'PUT') {
      const queue = url.pathname.split('/').at(-1) ?? '';
      on.set(queue, (JSON.parse(body) as { Enabled: boolean }).Enabled);
      changed.push(queue);
    }
    const source = url.searchParams.get('EventSourceArn') ?? '';
    const UUID = QUEUES.find((queue) => source.includes(queue));
    const State = on.get(UUID ?? '') ? 'Enabled' : 'Disabled';
    return { body: JSON.stringify({ EventSourceMappings: UUID === undefined ? [] : [{ UUID, State }] }) };
  }
  const template = JSON.stringify(deployed);
  return {
    body: `<GetTemplateResponse><GetTemplateResult><TemplateBody>${template}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
  };
}

/** A hook of our plugin in a `sls` call on the instance acme. */
async function hook(name: string, template: Template, options: Record<string, string> = {}): Promise<void> {
  const serverless = {
    classes: { Error: ServerlessError },
    processedInput: { commands: [] },
    service: {
      provider: { environment: commonVariables(readInstance('acme')), compiledCloudFormationTemplate: template },
      functions: {},
    },
    getProvider: () => ({
      getStage: () => 'prod',
      getRegion: () => 'eu-west-1',
      getAccountInfo: async () => ({ arn: `arn:aws:iam::${ACCOUNT}:user/operator` }),
      naming: { getLambdaLogicalId: (queue: string) => `${queue}Function` },
      getAwsSdkV3Config: async () => ({
        region: 'eu-west-1',
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
        endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        maxAttempts: 1,
      }),
    }),
  } as unknown as Serverless;
  await new Ops(serverless, { param: 'instance=acme', ...options }).hooks[name]?.();
}

const UPLOAD = 'before:aws:deploy:deploy:checkForChanges';
const AFTER = ['after:deploy:deploy', 'after:rollback:rollback'];
const ended = (name: string) => hook(name, templateOf({}), { timestamp: '1767323045000' });

test('a deployment disables the mappings of the paused queues in its template', async () => {
  paused = ['emails'];
  const template = templateOf({});

  await hook(UPLOAD, template);

  expect(template).toEqual(templateOf({ emails: true }));
  expect(notes).toEqual(['emails is paused and stays so. sls queues shows why.']);
});

test.each([UPLOAD, ...AFTER])('%s says in a line that the pauses cannot be read', async (name) => {
  denied = 'GetItem';

  await expect(ended(name)).rejects.toThrow(new ServerlessError('DynamoDB GetItem failed: AccessDeniedException'));
});

test.each(AFTER)('%s pauses the paused queues again that it has resumed', async (name) => {
  paused = ['emails'];

  await ended(name);

  expect([...on]).toEqual([
    ['emails', false],
    ['feedback', true],
  ]);
  expect(notes).toEqual(['emails is paused again.']);
});

test.each(AFTER)('%s resumes a queue that its template disables and that is not paused any more', async (name) => {
  deployed = templateOf({ emails: true });
  on.set('emails', false);

  await ended(name);

  expect(on.get('emails')).toBe(true);
  expect(notes).toEqual(['emails is not paused any more, so Lambda receives from it again.']);
});

test.each(AFTER)(
  '%s changes no mapping that is as the pauses say, or that its template did not disable',
  async (name) => {
    paused = ['emails'];
    deployed = templateOf({ emails: true });
    on = new Map(QUEUES.map((queue) => [queue, false]));

    await ended(name);

    expect([...on.values()]).toEqual([false, false]);
    expect(changed).toEqual([]);
    expect(notes).toEqual([]);
  },
);

test('sls rollback without a timestamp only lists deployments, and changes no mapping', async () => {
  paused = ['emails'];

  await hook('after:rollback:rollback', templateOf({}));

  expect(on.get('emails')).toBe(true);
  expect(notes).toEqual([]);
});
