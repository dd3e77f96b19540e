import { createServer, type IncomingHttpHeaders, type Server, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { close, listen } from '../../packages/local/loopback';
import type { Request } from './iam';

const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;

/** A call to AWS by the holder of an access key, as IAM sees it. */
export interface RecordedCall extends Request {
  who: string;
}

export interface Recorder {
  /** Passes requests to an emulator, and records them. Resolves to the URL to call instead. */
  through(service: 'sqs' | 'dynamodb' | 's3' | 'events' | 'ssm', url: string): Promise<string>;
  /** Each distinct call once. */
  calls(): RecordedCall[];
  close(): void;
}

export function createRecorder(): Recorder {
  const calls = new Map<string, RecordedCall>();
  const closing: Server[] = [];
  const note = (call: RecordedCall) => calls.set(JSON.stringify(call), call);

  return {
    calls: () => [...calls.values()],
    close: () => {
      for (const server of closing) void close(server);
    },
    async through(service, target) {
      const { hostname, port } = new URL(target);
      const server = createServer(async (incoming, outgoing) => {
        const { method = '', url = '', headers } = incoming;
        const body = await buffer(incoming);
        const who = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? 'unsigned';
        const operation =
          String(headers['x-amz-target'] ?? method)
            .split('.')
            .at(-1) ?? '';
        const requests = READERS[service]({
          operation,
          url,
          headers,
          json: () => JSON.parse(body.toString() || '{}') as Body,
        });
        for (const request of requests) note({ who, ...request });
        const forwarded = send({ hostname, port, method, path: url, headers }, (answer) => {
          // S3 says that a key is missing only to callers who may list it.
          if (service === 's3' && answer.statusCode === 404)
            for (const { resource } of requests) note({ who, ...listing(resource) });
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        forwarded.on('error', () => outgoing.destroy());
        forwarded.end(body);
      });
      closing.push(server);
      return listen(server, 0);
    },
  };
}

/** A string of an item. */
interface Attribute {
  S?: string;
}
/** What is read of the requests of all services. */
interface Body {
  TableName?: string;
  IndexName?: string;
  Key?: { key?: Attribute };
  Item?: { key?: Attribute };
  ExpressionAttributeValues?: Record<string, Attribute>;
  QueueUrl?: string;
  QueueName?: string;
  /** Of an SSM parameter. */
  Name?: string;
  Entries?: { EventBusName?: string }[];
}
interface Seen {
  /** The operation of a JSON protocol, or the method. */
  operation: string;
  url: string;
  headers: IncomingHttpHeaders;
  json: () => Body;
}

type Service = Parameters<Recorder['through']>[0];
const READERS: Record<Service, (seen: Seen) => Request[]> = {
  dynamodb: ({ operation, json }) => {
    const { TableName, IndexName, Key, Item, ExpressionAttributeValues = {} } = json();
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
  sqs: ({ operation, json }) => {
    const { QueueUrl = '', QueueName } = json();
    const name = QueueName ?? QueueUrl.split('/').at(-1) ?? '';
    return [{ action: `sqs:${operation.replace(/Batch$/, '')}`, resource: arn('sqs', name) }];
  },
  events: ({ json }) => {
    const { Entries = [] } = json();
    return Entries.map(({ EventBusName = 'default' }) => ({
      action: 'events:PutEvents',
      resource: arn('events', `event-bus/${EventBusName}`),
    }));
  },
  ssm: ({ json }) => [{ action: 'ssm:GetParameter', resource: arn('ssm', `parameter${json().Name}`) }],
  s3: ({ operation, url, headers }) => {
    const { pathname, searchParams } = new URL(url, 'http://s3');
    const [bucket = '', ...rest] = decodeURIComponent(pathname.slice(1)).split('/');
    const key = rest.join('/');
    if (key === '' && operation === 'GET')
      return [listing(`arn:aws:s3:::${bucket}/${searchParams.get('prefix') ?? ''}`)];
    const action = { GET: 'GetObject', HEAD: 'GetObject', PUT: 'PutObject', POST: 'PutObject', DELETE: 'DeleteObject' }[
      operation
    ];
    const ifNoneMatch = headers['if-none-match'];
    const context = ifNoneMatch !== undefined && { context: { 's3:if-none-match': [ifNoneMatch] } };
    return [{ action: `s3:${action}`, resource: `arn:aws:s3:::${bucket}/${key}`, ...context }];
  },
};

/** A look at the keys that begin with that of an object. */
function listing(object: string): Request {
  const [bucket = '', ...key] = object.split('/');
  return { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': [key.join('/')] } };
}
