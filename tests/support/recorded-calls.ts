import { createServer, type IncomingHttpHeaders, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { ACCOUNT, close, listen, REGION } from '../../packages/local/loopback';
import type { Request } from './iam';
import { SECRETS_KEY } from './packages';

const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;

/** A call to AWS by the holder of an access key, as IAM sees it. */
export interface RecordedCall extends Request {
  who: string;
}

/** A signature, and that of a form, name the access key and the service. */
const SIGNED_BY = /Credential"?[=\s]+(\w+)\/\d+\/[\w-]+\/(\w+)\//i;

/** One endpoint for all of AWS, which records requests and passes each to the emulator of its service. */
export async function startRecorder() {
  const calls = new Map<string, RecordedCall>();
  const note = (call: RecordedCall) => calls.set(JSON.stringify(call), call);
  /** The URL of each service's emulator, or the answer to all requests. */
  const targets: Partial<Record<Service, string>> = {
    secretsmanager: '{"SecretString":"a secret"}',
    cloudformation: '<DescribeStacksResponse/>',
  };
  const server = createServer(async (incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const body = await buffer(incoming);
    const text = body.toString('latin1');
    const [, who = '', service = ''] = SIGNED_BY.exec(headers.authorization ?? text) ?? [];
    const target = targets[service as Service];
    if (target === undefined) return void outgoing.destroy();
    const form = headers['content-type']?.startsWith('application/x-www-form') && new URLSearchParams(text);
    const input = () => (form ? Object.fromEntries(form) : JSON.parse(body.toString() || '{}')) as Body;
    const named = form ? form.get('Action') : headers['x-amz-target'];
    const [operation = ''] = /[^.]+$/.exec(String(named ?? method)) ?? [];
    const read = READERS[service as Service]({ operation, url, headers, text, input });
    const requests = read.flatMap((request) => [request, ...keyUses(request)]);
    for (const request of requests) {
      note({ who, ...request });
      if ((await recorder.before({ who, ...request })) === 'refuse') return void outgoing.destroy();
    }
    if (!URL.canParse(target)) return void outgoing.end(target);
    const { hostname, port, pathname } = new URL(target);
    const path = pathname.replace(/\/$/, '') + url;
    const forwarded = send({ hostname, port, method, path, headers }, (answer) => {
      // S3 says that a key is missing only to callers who may list it.
      if (service === 's3' && answer.statusCode === 404)
        for (const { resource } of read) note({ who, ...listing(resource) });
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    forwarded.end(body);
  });
  const recorder = {
    url: await listen(server, 0),
    targets,
    before: async (_call: RecordedCall): Promise<'refuse' | undefined> => undefined,
    calls: () => [...calls.values()],
    close: () => close(server),
  };
  return recorder;
}

export type Recorder = Awaited<ReturnType<typeof startRecorder>>;

interface Attribute {
  S?: string;
}
type Named = 'TableName' | 'IndexName' | 'QueueUrl' | 'QueueName' | 'Name' | 'SecretId' | 'TopicArn' | 'StackName';
/** What is read of the requests of all services. `Name`: of a parameter. */
interface Body extends Partial<Record<Named, string>> {
  Key?: { key?: Attribute };
  Item?: { key?: Attribute };
  ExpressionAttributeValues?: Record<string, Attribute>;
  Entries?: { EventBusName?: string }[];
}
interface Seen {
  /** The operation of a JSON or query protocol, or the method. */
  operation: string;
  url: string;
  headers: IncomingHttpHeaders;
  text: string;
  input: () => Body;
}

type Service = keyof typeof READERS;
const READERS = {
  dynamodb: ({ operation, input }: Seen): Request[] => {
    const { TableName, IndexName, Key, Item, ExpressionAttributeValues = {} } = input();
    const key = (Key ?? Item)?.key?.S ?? Object.values(ExpressionAttributeValues)[0]?.S ?? '';
    return [
      {
        action: `dynamodb:${operation}`,
        resource: arn('dynamodb', `table/${TableName}${IndexName ? `/index/${IndexName}` : ''}`),
        // IAM knows no key of a scan.
        ...(operation === 'Scan' ? {} : { context: { 'dynamodb:LeadingKeys': [key] } }),
      },
    ];
  },
  sqs: ({ operation, input }: Seen): Request[] => {
    const { QueueUrl = '', QueueName } = input();
    const name = QueueName ?? QueueUrl.split('/').at(-1) ?? '';
    return [{ action: `sqs:${operation.replace(/Batch$/, '')}`, resource: arn('sqs', name) }];
  },
  events: ({ input }: Seen): Request[] =>
    (input().Entries ?? []).map(({ EventBusName = 'default' }) => ({
      action: 'events:PutEvents',
      resource: arn('events', `event-bus/${EventBusName}`),
    })),
  sns: ({ operation, input }: Seen): Request[] => [{ action: `sns:${operation}`, resource: input().TopicArn ?? '' }],
  // The emulator names a mapping after its queue, and the function has that name too.
  lambda: ({ operation, url }: Seen): Request[] => {
    const [, mapping = ''] = /event-source-mappings\/([^?]+)/.exec(url) ?? [];
    if (operation === 'GET') return [{ action: 'lambda:ListEventSourceMappings', resource: '*' }];
    const context = { 'lambda:FunctionArn': [arn('lambda', `function:${mapping.replace(/\.fifo$/, '')}`)] };
    return [{ action: 'lambda:UpdateEventSourceMapping', resource: arn('lambda', 'event-source-mapping:id'), context }];
  },
  monitoring: ({ operation }: Seen): Request[] => [{ action: `cloudwatch:${operation}`, resource: '*' }],
  cloudformation: ({ operation, input }: Seen): Request[] => [
    { action: `cloudformation:${operation}`, resource: arn('cloudformation', `stack/${input().StackName}/id`) },
  ],
  ssm: ({ input }: Seen): Request[] => {
    const { Name = '' } = input();
    const read = { action: 'ssm:GetParameter', resource: arn('ssm', `parameter${Name}`) };
    return isSecret(Name) ? [read, decryption('ssm')] : [read];
  },
  secretsmanager: ({ input }: Seen): Request[] => {
    const resource = arn('secretsmanager', `secret:${input().SecretId}-AbC123`);
    return [{ action: 'secretsmanager:GetSecretValue', resource }, decryption('secretsmanager')];
  },
  s3: ({ operation, url, headers, text }: Seen): Request[] => {
    const { pathname, searchParams } = new URL(url, 'http://s3');
    const [bucket = '', ...rest] = decodeURIComponent(pathname.slice(1)).split('/');
    const [, formKey = ''] = (operation === 'POST' && /name="key"\s+(\S+)/.exec(text)) || [];
    const key = rest.join('/') || formKey;
    if (key === '' && operation === 'GET')
      return [listing(`arn:aws:s3:::${bucket}/${searchParams.get('prefix') ?? ''}`)];
    const action = { GET: 'GetObject', HEAD: 'GetObject', PUT: 'PutObject', POST: 'PutObject', DELETE: 'DeleteObject' }[
      operation
    ];
    const ifNoneMatch = headers['if-none-match'];
    const encryptedBy = headers[KEY_ID] ?? new RegExp(`name="${KEY_ID}"\\s+(\\S+)`).exec(text)?.[1];
    const context = {
      ...(operation === 'PUT' && ifNoneMatch !== undefined && { 's3:if-none-match': [ifNoneMatch] }),
      ...(encryptedBy !== undefined && { [`s3:${KEY_ID}`]: [String(encryptedBy)] }),
    };
    return [{ action: `s3:${action}`, resource: `arn:aws:s3:::${bucket}/${key}`, context }];
  },
};

export const KEY_ID = 'x-amz-server-side-encryption-aws-kms-key-id';

/** The name that the encryption context of each service has, and what it is about. */
const CONTEXTS: Record<string, [name: string, about: (resource: string) => string]> = {
  sqs: ['aws:sqs:arn', (queue) => queue],
  sns: ['aws:sns:topicArn', (topic) => topic],
  dynamodb: ['aws:dynamodb:tableName', (table) => table.split('/')[1] ?? ''],
  // With a bucket key, it is that of the bucket.
  s3: ['aws:s3:arn', (object) => object.split('/')[0] ?? ''],
};
const [BOTH, READ, WRITE] = [['Decrypt', 'GenerateDataKey'], ['Decrypt'], ['GenerateDataKey']];
const USES: Record<string, string[]> = {
  ...{ 'sqs:SendMessage': BOTH, 'sqs:ReceiveMessage': READ, 'sns:Publish': BOTH },
  ...{ 's3:PutObject': WRITE, 's3:GetObject': READ },
};

/** What a service asks KMS in the name of its caller, if the instance has a customer key. */
export function keyUses({ action, resource }: Request): Request[] {
  const [service = ''] = action.split(':');
  const [named, about] = CONTEXTS[service] ?? [];
  const uses = service === 'dynamodb' ? READ : (USES[action] ?? []);
  return uses.map((use) => ({
    ...{ action: `kms:${use}`, resource: arn('kms', 'key/JobsKey') },
    context: {
      'kms:ViaService': [`${service}.${REGION}.amazonaws.com`],
      ...(about && { [`kms:EncryptionContext:${named}`]: [about(resource)] }),
    },
  }));
}

/** What the store of an encrypted secret asks KMS in the name of its caller. */
const decryption = (service: string): Request => ({
  ...{ action: 'kms:Decrypt', resource: SECRETS_KEY },
  context: { 'kms:ViaService': [`${service}.${REGION}.amazonaws.com`] },
});

/** Whether a name is that of a secret in the template with references. */
export const isSecret = (name: string): boolean => /\bexample\b/.test(name);

/** A look at the keys that begin with that of an object. */
function listing(object: string): Request {
  const [bucket = '', ...key] = object.split('/');
  return { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': [key.join('/')] } };
}
