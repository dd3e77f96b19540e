import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { guarded } from './guard.cjs';
import { type Emulator, LOCAL_CREDENTIALS, REGION } from './loopback';

/** DynamoDB in memory, which expires no items. Its thread answers while this process is busy. */
export async function startDynamoDb(tables: object[], port = 0): Promise<Emulator> {
  const thread = new Worker(join(__dirname, 'dynalite-thread.cjs'), { execArgv: [], workerData: { port } });
  const url = `http://127.0.0.1:${(await once(thread, 'message'))[0]}`;
  const client = new DynamoDBClient({ endpoint: url, region: REGION, credentials: LOCAL_CREDENTIALS });
  for (const table of tables) await client.send(new CreateTableCommand(table as CreateTableCommandInput));
  client.destroy();
  return { url, close: async () => void (await thread.terminate()) };
}

export async function startS3(bucket: string, port = 0): Promise<Emulator> {
  // The start function of fauxqs listens on every interface, so build the app instead.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  guarded(app.server);
  addConditionalPuts(app);
  const url = await app.listen({ port, host: '127.0.0.1' });
  const client = new S3Client({ endpoint: url, region: REGION, credentials: LOCAL_CREDENTIALS });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
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
    const plain = (tag: string | undefined) => tag?.replaceAll('"', '');
    if (expected === '*' ? etag === undefined : etag !== undefined && plain(etag) === plain(expected)) return;
    const [status, code] = etag === undefined ? [404, 'NoSuchKey'] : [412, 'PreconditionFailed'];
    await reply.code(status).type('application/xml').send(`<Error><Code>${code}</Code></Error>`);
  });
  for (const end of ['onResponse', 'onRequestAbort'] as const)
    app.addHook(end, async (request: object) => ends.get(request)?.());
}

type Entry = Record<'EventBusName' | 'Source' | 'DetailType' | 'Detail', string> & { Time: number };

/** EventBridge tries for a day, and here for about a quarter of an hour. */
const LONGEST_WAIT_MS = 512_000;

export type EventBridge = ReturnType<typeof eventBridge>;

/**
 * EventBridge in memory, with these buses. `events`: the last thousand, as a consumer of the bus gets them. It posts
 * each to `webhook`, as an API destination does: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */
export function eventBridge(buses: string[], webhook?: { url: string; key: string }) {
  const events: object[] = [];
  const closing = new AbortController();

  async function post({ url, key }: { url: string; key: string }, event: object): Promise<void> {
    const headers = { 'content-type': 'application/json; charset=utf-8', authorization: key };
    for (let wait = 1_000; wait <= LONGEST_WAIT_MS; wait *= 2) {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(5_000)]);
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(event), signal }).catch(() => {});
      const { status = 503 } = answer ?? {};
      if (closing.signal.aborted || (status < 500 && ![401, 407, 409, 429].includes(status))) return;
      await sleep(wait, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  }

  function put({ EventBusName, Source: source, DetailType, Detail, Time }: Entry): object {
    if (!buses.includes(EventBusName)) return { ErrorCode: 'ResourceNotFoundException' };
    const id = randomUUID();
    const time = new Date(Time * 1000).toISOString();
    const event = { id, source, 'detail-type': DetailType, time, detail: JSON.parse(Detail) as unknown };
    events.push(event);
    events.splice(0, events.length - 1_000);
    if (webhook) void post(webhook, event);
    return { EventId: id };
  }

  return {
    events,
    put(given: { Entries: Entry[] }): object {
      const Entries = given.Entries.map(put);
      return { FailedEntryCount: Entries.filter((entry) => 'ErrorCode' in entry).length, Entries };
    },
    close: async () => closing.abort(),
  };
}
