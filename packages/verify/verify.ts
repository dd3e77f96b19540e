import { type DynamoDBClient, GetItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { type Finding, findings, isRow } from './check';
import {
  type Effect,
  type Entry,
  type Item,
  keyOfBody,
  linesOf,
  parsed,
  partition,
  type Queue,
  type Snapshot,
  textOf,
} from './snapshot';

export interface Source {
  dynamodb: DynamoDBClient;
  s3: S3Client;
  sqs: SQSClient;
  table: string;
  bucket: string;
  prefix: string;
  instance: string;
  now: () => number;
  queues: readonly Queue[];
  /** Zendesk's API for look-ups of tickets. Without it, Zendesk is not asked. */
  zendesk?: { endpoint: string; authorization: string };
}

const HOUR_MS = 3_600_000;
const AT_ONCE = 16;
/** An hour may have hundreds of thousands of small objects, and each takes S3 about 30 ms. */
const READS = 64;
const HIDE_SECONDS = 300;
const EMPTY_RECEIVES = 3;
/** One partition of the table is read at 24 MB a second, and several side by side. */
const SEGMENTS = 4;

export interface Verified {
  checked: number;
  findings: Finding[];
  /** Queues of which another reader hid DLQ entries. Nothing can be said about those entries. */
  hidden: string[];
}

/**
 * What breaks a promise in the hours from `from` to `to`, in ms since 1970. Jobs go on meanwhile, so it reads
 * everything again before it reports a finding.
 */
export async function verify(source: Source, hours: { from: number; to: number }): Promise<Verified> {
  const look = async (): Promise<Verified> => {
    const all = await read(source, hours);
    const checked = all.items.filter(isRow).length + all.messages.length;
    return { checked, findings: findings(all), hidden: [...all.hidden] };
  };
  const first = await look();
  if (first.findings.length === 0) return first;
  const found = new Set(first.findings.map(({ kind, id }) => `${kind} ${id}`));
  const again = (await look()).findings.filter(({ kind, id }) => found.has(`${kind} ${id}`));
  return { ...first, findings: again };
}

/** Reads everything about the jobs of the hours from `from` to `to` (ms since 1970), and all DLQs and kept bodies. */
async function read(source: Source, { from, to }: { from: number; to: number }): Promise<Snapshot> {
  const { prefix, queues } = source;
  const hours: number[] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS) hours.push(hour);
  const [first = from] = hours;
  const dlqs = await Promise.all(queues.map((queue) => readDlq(source, queue)));
  const entries = dlqs.flatMap(({ messages }) => messages);
  const hidden = new Set(dlqs.filter(({ isHidden }) => isHidden).map(({ name }) => name));

  const folders = (names: readonly string[]) =>
    hours.flatMap((hour) => names.map((name) => `${prefix}/${name}/${partition(hour)}`));
  const records = new Map(await texts(source, folders(queues.map((queue) => queue.records)), String));
  const bodies = await list(source, `${prefix}/_bodies/`);
  const messages = (await texts(source, folders(ANALYTICS), messagesIn)).flatMap(([, each]) => each);

  const named = new Set(bodies.map((key) => keyOfBody(prefix, key)));
  for (const { queue, attributes } of entries) named.add(`${queue}#${attributes.job}`);
  for (const { queue, id } of [...records.values()].map(parsed)) named.add(`${queue}#${id}`);
  const { items, known } = await rows(source, { from: first, to: first + hours.length * HOUR_MS, named });
  const effects = [
    ...(await mails(source, folders(queues.map(({ name }) => `_events/${name}`)))),
    ...(await tickets(source, items)),
  ];
  const of = { prefix, queues, from: first, at: source.now() };
  return { ...of, items, known, records, bodies, entries, hidden, messages, effects };
}

async function each<T, R>(all: readonly T[], act: (one: T) => Promise<R>, atOnce = AT_ONCE): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += atOnce)
    results.push(...(await Promise.all(all.slice(at, at + atOnce).map(act))));
  return results;
}

/** The folders of analytics events. After some months a message's events are in Parquet alone. */
const ANALYTICS = ['analytics-originals', 'analytics-rejected', 'analytics-events'];

/** Each message of a text of events once. A busy day has millions of events. */
const messagesIn = (text: string) =>
  [...new Set(linesOf(text).map(({ source, sequence }) => JSON.stringify({ source, sequence })))].map(parsed);

/** What tells rows of these hours from others, and what an entry, a record or a body needs to know about its row. */
const READ_OF_ALL = ['key', 'time', 'payloadHash', 'state', 'reason', 'parkedFrom', 'updatedAt'];

/**
 * Reads a little of every item, so it also sees rows that no index leads to, and then the items of the hours. `known`
 * has these, and of the others those that `named` has: the table holds the rows of 45 days.
 */
async function rows(
  { dynamodb: client, table: TableName }: Source,
  { from, to, named }: { from: number; to: number; named: ReadonlySet<string> },
) {
  const known = new Map<string, Item>();
  const asked: string[] = [];
  const names = READ_OF_ALL.map((name, at) => [`#${at}`, name]);
  const input = { TableName, ProjectionExpression: names.map(([sign]) => sign).join(), TotalSegments: SEGMENTS };
  const scan = async (Segment: number) => {
    const some = { ...input, Segment, ExpressionAttributeNames: Object.fromEntries(names) };
    for await (const { Items = [] } of paginateScan({ client }, some))
      for (const stored of Items) {
        const { payloadHash, ...item } = unmarshall(stored) as Item;
        if (typeof item.time === 'number' ? item.time >= from && item.time < to : payloadHash) asked.push(item.key);
        else if (named.has(item.key)) known.set(item.key, item);
      }
  };
  await Promise.all(Array.from({ length: SEGMENTS }, (_, segment) => scan(segment)));
  const items = await each(asked, async (key) => {
    const { Item: stored } = await client.send(
      new GetItemCommand({ TableName, Key: { key: { S: key } }, ConsistentRead: true }),
    );
    return stored ? [unmarshall(stored) as Item] : [];
  });
  for (const item of items.flat()) known.set(item.key, item);
  return { items: items.flat(), known };
}

async function list({ s3: client, bucket }: Source, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }))
    keys.push(...Contents.map(({ Key = '' }) => Key));
  return keys;
}

async function texts<T>(source: Source, folders: readonly string[], take: (text: string) => T): Promise<[string, T][]> {
  const keys = (await each(folders, (folder) => list(source, folder))).flat();
  const read = async (key: string): Promise<[string, T]> => {
    const asked = new GetObjectCommand({ Bucket: source.bucket, Key: key });
    const { Body, Metadata = {} } = await source.s3.send(asked);
    const text = await textOf(key, (await Body?.transformToByteArray()) ?? Buffer.alloc(0));
    // The erasure of a person may leave no line of a message, and the metadata that say which one it was.
    return [key, take(text === '' && 'erased' in Metadata ? JSON.stringify(Metadata) : text)];
  };
  return each(keys, read, READS);
}

/** SendGrid's events name the request of each mail. Two requests of one job to one recipient are two mails. */
async function mails(source: Source, folders: readonly string[]): Promise<Effect[]> {
  const lines = (await texts(source, folders, linesOf)).flatMap(([, each]) => each);
  return lines.flatMap(({ job, recipient, messageId }): Effect[] => {
    const [id = ''] = `${messageId ?? ''}`.split('.');
    return id === '' || job === undefined ? [] : [{ job: String(job), what: `mail ${recipient}`, id }];
  });
}

/** A vendor did not answer a look-up, so nothing can be said about its effects. */
export class LookUpError extends Error {
  override readonly name = 'LookUpError';
}

const LOOKUP_MS = 10_000;

/** Zendesk finds the tickets of a job by their external id. */
async function tickets({ zendesk }: Source, items: readonly Item[]): Promise<Effect[]> {
  if (!zendesk) return [];
  const { endpoint, authorization } = zendesk;
  const ids = items.filter(({ queue }) => queue === 'feedback').map(({ id }) => String(id));
  const found = await each(ids, async (job): Promise<Effect[]> => {
    const url = `${endpoint}/tickets.json?external_id=${encodeURIComponent(job)}`;
    const limits = { signal: AbortSignal.timeout(LOOKUP_MS), redirect: 'error' as const };
    const answer = await fetch(url, { headers: { authorization }, ...limits }).catch(() => undefined);
    if (!answer?.ok) throw new LookUpError(`Zendesk answered ${answer?.status ?? 'nothing'} to a look-up of tickets`);
    const { tickets: all } = (await answer.json()) as { tickets: { id: number }[] };
    return all.map(({ id }) => ({ job, what: 'ticket', id: String(id) }));
  });
  return found.flat();
}

/** Looks at every message of a DLQ and puts all of them back. */
async function readDlq({ sqs, instance }: Source, { name, fifo }: Queue) {
  const QueueName = `${instance}-${name}-dlq${fifo ? '.fifo' : ''}`;
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  const hidden = 'ApproximateNumberOfMessagesNotVisible';
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [hidden] }));
  const ten = { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: HIDE_SECONDS };
  const whole = { MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All' as const] };
  const received: Message[][] = [];
  for (let empty = 0; empty < EMPTY_RECEIVES; ) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ ...ten, ...whole }));
    empty = Messages.length === 0 ? empty + 1 : 0;
    received.push(Messages);
  }
  for (const messages of received.filter(({ length }) => length > 0)) {
    const Entries = messages.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle, VisibilityTimeout: 0 }));
    await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
  }
  const messages = received.flat().map(({ MessageId = '', MessageAttributes = {}, Attributes: system }): Entry => {
    const attributes = Object.entries(MessageAttributes).map(([key, { StringValue = '' }]) => [key, StringValue]);
    const moved = system?.DeadLetterQueueSourceArn !== undefined;
    return { queue: name, messageId: MessageId, moved, attributes: Object.fromEntries(attributes) };
  });
  return { name, messages, isHidden: Attributes?.[hidden] !== '0' };
}
