import { type DynamoDBClient, paginateQuery } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { type Effect, type Entry, type Item, keyOfBody, type Queue, type Snapshot } from './snapshot';

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
const HIDE_SECONDS = 300;
const EMPTY_RECEIVES = 3;

/** Reads everything about the jobs of the hours from `from` to `to` (ms since 1970), and all DLQs and kept bodies. */
export async function read(source: Source, { from, to }: { from: number; to: number }): Promise<Snapshot> {
  const { prefix, queues } = source;
  const hours: number[] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS) hours.push(hour);
  const dlqs = await Promise.all(queues.map((queue) => readDlq(source, queue)));
  const entries = dlqs.flatMap(({ messages }) => messages);
  const hidden = new Set(queues.filter((_queue, index) => dlqs[index]?.hidden).map(({ name }) => name));

  const names = ['campaign', ...queues.map(({ name }) => name)];
  const keys = (await each(hours, (hour) => each(names, (name) => keysOf(source, name, hour)))).flat(2);
  const items = (await each(keys, (key) => get(source, key))).filter((item) => item !== undefined);
  const folders = hours.flatMap((hour) => queues.map(({ records }) => `${prefix}/${records}/${partition(hour)}`));
  const records = new Map(await texts(source, folders));
  const bodies = await list(source, `${prefix}/_bodies/`);

  const known = new Set(items.map(({ key }) => key));
  const named = [
    ...entries.map(({ queue, attributes }) => `${queue}#${attributes.job}`),
    ...bodies.map((key) => keyOfBody(prefix, key)),
    ...[...records.values()].map((text) => /"queue":"([^"]*)","id":"([^"]*)"/.exec(text)?.slice(1).join('#') ?? ''),
  ].filter((key) => key !== '' && !known.has(key));
  const others = new Map<string, Item>();
  await each([...new Set(named)], async (key) => {
    const item = await get(source, key);
    if (item) others.set(key, item);
  });
  const events = hours.flatMap((hour) => queues.map(({ name }) => `${prefix}/_events/${name}/${partition(hour)}`));
  const effects = [...(await mails(source, events)), ...(await tickets(source, items))];
  return { prefix, queues, at: source.now(), items, others, records, bodies, entries, hidden, effects };
}

function partition(hour: number): string {
  const [date = '', time = ''] = new Date(hour).toISOString().split('T');
  const [year, month, day] = date.split('-');
  return `year=${year}/month=${month}/day=${day}/hour=${time.slice(0, 2)}/`;
}

async function each<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    results.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(act))));
  return results;
}

async function keysOf({ dynamodb, table }: Source, name: string, hour: number): Promise<string[]> {
  const keys: string[] = [];
  const stamp = new Date(hour).toISOString().slice(0, 13).replace(/[-T]/g, '');
  const query = {
    TableName: table,
    IndexName: 'hour',
    KeyConditionExpression: '#hour = :hour',
    ExpressionAttributeNames: { '#hour': 'hour' },
    ExpressionAttributeValues: { ':hour': { S: `${name}#${stamp}` } },
  };
  for await (const { Items = [] } of paginateQuery({ client: dynamodb }, query))
    keys.push(...Items.map(({ key }) => key?.S ?? ''));
  return keys;
}

async function get({ dynamodb, table }: Source, key: string): Promise<Item | undefined> {
  const client = DynamoDBDocumentClient.from(dynamodb);
  const { Item: item } = await client.send(new GetCommand({ TableName: table, Key: { key }, ConsistentRead: true }));
  return item as Item | undefined;
}

async function list({ s3, bucket }: Source, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix }))
    keys.push(...Contents.map(({ Key = '' }) => Key));
  return keys;
}

/** The objects of some folders, by key. */
async function texts(source: Source, folders: readonly string[]): Promise<[string, string][]> {
  const keys = (await each(folders, (folder) => list(source, folder))).flat();
  return each(keys, async (key): Promise<[string, string]> => {
    const { Body } = await source.s3.send(new GetObjectCommand({ Bucket: source.bucket, Key: key }));
    return [key, (await Body?.transformToString()) ?? ''];
  });
}

/** SendGrid's events name the request of each mail. Two requests of one job to one recipient are two mails. */
async function mails(source: Source, folders: readonly string[]): Promise<Effect[]> {
  const lines = (await texts(source, folders)).flatMap(([, text]) => text.split('\n').filter(Boolean));
  return lines.flatMap((line): Effect[] => {
    const { job, recipient, messageId } = JSON.parse(line) as Record<string, string>;
    const [id = ''] = (messageId ?? '').split('.');
    return id === '' || job === undefined ? [] : [{ job, what: `mail ${recipient}`, id }];
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
async function readDlq(
  { sqs, instance }: Source,
  { name, fifo }: Queue,
): Promise<{ messages: Entry[]; hidden: boolean }> {
  const { QueueUrl } = await sqs.send(
    new GetQueueUrlCommand({ QueueName: `${instance}-${name}-dlq${fifo ? '.fifo' : ''}` }),
  );
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesNotVisible'] }),
  );
  const messages = new Map<string, Entry>();
  const handles: string[] = [];
  for (let empty = 0; empty < EMPTY_RECEIVES; ) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: HIDE_SECONDS,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    for (const { MessageId = '', ReceiptHandle = '', MessageAttributes = {}, Attributes: system } of Messages) {
      const attributes = Object.entries(MessageAttributes).map(([key, { StringValue = '' }]) => [key, StringValue]);
      const moved = system?.DeadLetterQueueSourceArn !== undefined;
      messages.set(MessageId, { queue: name, messageId: MessageId, moved, attributes: Object.fromEntries(attributes) });
      handles.push(ReceiptHandle);
    }
  }
  for (let at = 0; at < handles.length; at += 10)
    await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: handles
          .slice(at, at + 10)
          .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 })),
      }),
    );
  return { messages: [...messages.values()], hidden: Attributes?.ApproximateNumberOfMessagesNotVisible !== '0' };
}
