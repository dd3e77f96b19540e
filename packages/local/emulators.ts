import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { close, type Emulator, LOCAL_CREDENTIALS, listen } from './loopback';

/** The default port is any free one. */
interface At {
  region: string;
  port?: number;
}

/** DynamoDB in memory, which expires no items. Its thread answers while this process is busy. */
export async function startDynamoDb({
  tables,
  region,
  port: wanted = 0,
}: At & { tables: { name: string; create: object }[] }): Promise<Emulator> {
  const thread = new Worker(join(__dirname, 'dynalite-thread.cjs'), { execArgv: [], workerData: { port: wanted } });
  const [port] = (await once(thread, 'message')) as [number];
  const url = `http://127.0.0.1:${port}`;
  const client = new DynamoDBClient({ endpoint: url, region, credentials: LOCAL_CREDENTIALS });
  for (const { name, create } of tables)
    await client.send(new CreateTableCommand({ ...create, TableName: name } as CreateTableCommandInput));
  client.destroy();
  return { url, close: async () => void (await thread.terminate()) };
}

/** Starts S3 in memory, with the buckets that a deployment expects to exist. */
export async function startS3({ buckets, region, port = 0 }: At & { buckets: string[] }): Promise<Emulator> {
  // The start function of fauxqs listens on every interface, so build the app instead.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  addConditionalPuts(app);
  const url = await app.listen({ port, host: '127.0.0.1' });
  const client = new S3Client({ endpoint: url, region, credentials: LOCAL_CREDENTIALS });
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return {
    url,
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

// A plain type import of fauxqs, an ES module, does not resolve from CommonJS.
type App = ReturnType<typeof import('fauxqs', { with: { 'resolution-mode': 'import' }}).buildApp>;

const STATUS = { PreconditionFailed: 412, NoSuchKey: 404 } as const;

/**
 * Adds `If-None-Match: *` and `If-Match` of PutObject to the emulator, with S3's answers.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * Those of one key run one after another. So no answer is a conflict.
 */
function addConditionalPuts(app: App): void {
  const writes = new Map<string, Promise<void>>();
  const ends = new WeakMap<object, () => void>();

  app.addHook('onRequest', async (request, reply) => {
    const { method, url, headers } = request;
    const expected = headers['if-none-match'] ?? headers['if-match'];
    if (method !== 'PUT' || expected === undefined) return;
    const key = url.split('?')[0] ?? '';
    const before = writes.get(key);
    writes.set(key, new Promise((resolve) => ends.set(request, resolve)));
    await before;
    const head = await app.inject({ method: 'HEAD', url: key, headers: { host: headers.host ?? '' } });
    const etag = head.statusCode === 200 ? String(head.headers.etag) : undefined;
    const code = refusal(etag, expected === '*' ? undefined : expected);
    if (code) await reply.code(STATUS[code]).type('application/xml').send(`<Error><Code>${code}</Code></Error>`);
  });
  for (const end of ['onResponse', 'onRequestAbort'] as const)
    app.addHook(end, async (request: object) => ends.get(request)?.());
}

/** Why S3 refuses a conditional put. `expected` is undefined if the key must be free. */
function refusal(etag: string | undefined, expected: string | undefined): keyof typeof STATUS | undefined {
  if (expected === undefined) return etag === undefined ? undefined : 'PreconditionFailed';
  if (etag === undefined) return 'NoSuchKey';
  return etag.replaceAll('"', '') === expected.replaceAll('"', '') ? undefined : 'PreconditionFailed';
}

/** What our adapter puts. `Time`: seconds since 1970. */
type Entry = Record<'EventBusName' | 'Source' | 'DetailType' | 'Detail', string> & { Time: number };

interface EventBridgeOptions {
  buses: string[];
  port?: number;
  webhook?: { url: string; key: string } | undefined;
}

/** EventBridge tries for a day, and here for about a quarter of an hour. */
const TRIES = 10;

/**
 * Starts EventBridge in memory, with these buses. `events`: the last thousand, as a consumer of the bus gets them. It
 * posts each to `webhook`, as an API destination does: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */
export async function startEventBridge({ buses, port = 0, webhook }: EventBridgeOptions) {
  const events: object[] = [];
  const closing = new AbortController();

  async function post({ url, key }: { url: string; key: string }, event: object): Promise<void> {
    const headers = { 'content-type': 'application/json; charset=utf-8', authorization: key };
    for (let tries = 1; tries <= TRIES; tries++) {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(5_000)]);
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(event), signal }).catch(() => {});
      const { status = 503 } = answer ?? {};
      if (closing.signal.aborted || (status < 500 && ![401, 407, 409, 429].includes(status))) return;
      await sleep(1_000 * 2 ** (tries - 1), undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  }

  function put({ EventBusName, Source: source, DetailType, Detail, Time }: Entry): object {
    if (!buses.includes(EventBusName)) return { ErrorCode: 'ResourceNotFoundException' };
    const id = randomUUID();
    const [time, detail] = [new Date(Time * 1000).toISOString(), JSON.parse(Detail) as unknown];
    const event = { id, source, 'detail-type': DetailType, time, detail };
    events.push(event);
    events.splice(0, events.length - 1_000);
    if (webhook) void post(webhook, event);
    return { EventId: id };
  }

  const server = createServer((request, response) => {
    json(request)
      .then((body) => {
        const Entries = (body as { Entries: Entry[] }).Entries.map(put);
        const FailedEntryCount = Entries.filter((entry) => 'ErrorCode' in entry).length;
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify({ FailedEntryCount, Entries }));
      })
      .catch(() => response.destroy());
  });
  const url = await listen(server, port);
  return {
    url,
    events,
    close: () => {
      closing.abort();
      return close(server);
    },
  };
}
