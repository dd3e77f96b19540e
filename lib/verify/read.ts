import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import {
  type Effect,
  type Entry,
  type Item,
  keyOfBody,
  parsed,
  partition,
  type Queue,
  type Snapshot,
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
const HIDE_SECONDS = 300;
const EMPTY_RECEIVES = 3;

/** Reads everything about the jobs of the hours from `from` to `to` (ms since 1970), and all DLQs and kept bodies. */
export async function read(source: Source, { from, to }: { from: number; to: number }): Promise<Snapshot> {
  const { prefix, queues } = source;
  const hours: number[] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS) hours.push(hour);
  const dlqs = await Promise.all(queues.map((queue) => readDlq(source, queue)));
  const entries = dlqs.flatMap(({ messages }) => messages);
  const hidden = new Set(dlqs.filter(({ isHidden }) => isHidden).map(({ name }) => name));

  const folders = (of: (queue: Queue) => string) =>
    hours.flatMap((hour) => queues.map((queue) => `${prefix}/${of(queue)}/${partition(hour)}`));
  const records = new Map(
    await texts(
      source,
      folders((queue) => queue.records),
    ),
  );
  const bodies = await list(source, `${prefix}/_bodies/`);

  const keys = await each(hours, (hour) => keysOf(source, hour));
  const items = await get(source, keys.flat());
  const known = new Map(items.map((item) => [item.key, item]));
  const named = [
    ...entries.map(({ queue, attributes: { job } }) => `${queue}#${job}`),
    ...bodies.map((key) => keyOfBody(prefix, key)),
    ...[...records.values()].map(parsed).map(({ queue, id }) => `${queue}#${id}`),
  ].filter((key) => !known.has(key));
  for (const item of await get(source, named)) known.set(item.key, item);
  const events = folders(({ name }) => `_events/${name}`);
  const effects = [...(await mails(source, events)), ...(await tickets(source, items))];
  return { prefix, queues, at: source.now(), items, known, records, bodies, entries, hidden, effects };
}

async function each<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    results.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(act))));
  return results;
}

async function collected<P, T>(pages: AsyncIterable<P>, of: (page: P) => readonly T[] | undefined): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...(of(page) ?? []));
  return all;
}

/** The keys of the jobs and campaigns of an hour. */
async function keysOf({ dynamodb, table, queues }: Source, hour: number): Promise<string[]> {
  const client = DynamoDBDocumentClient.from(dynamodb);
  const stamp = new Date(hour).toISOString().slice(0, 13).replace(/[-T]/g, '');
  const query = { TableName: table, IndexName: 'hour', KeyConditionExpression: '#hour = :hour' };
  const ExpressionAttributeNames = { '#hour': 'hour' };
  const keys = await each(['campaign', ...queues.map(({ name }) => name)], (name) => {
    const ExpressionAttributeValues = { ':hour': `${name}#${stamp}` };
    const pages = paginateQuery({ client }, { ...query, ExpressionAttributeNames, ExpressionAttributeValues });
    return collected(pages, ({ Items }) => Items?.map(({ key }) => String(key)));
  });
  return keys.flat();
}

/** The items that exist, each once. */
async function get({ dynamodb, table }: Source, keys: readonly string[]): Promise<Item[]> {
  const client = DynamoDBDocumentClient.from(dynamodb);
  const found = await each([...new Set(keys)], (key) =>
    client.send(new GetCommand({ TableName: table, Key: { key }, ConsistentRead: true })),
  );
  return found.flatMap(({ Item: item }) => (item ? [item as Item] : []));
}

function list({ s3: client, bucket }: Source, prefix: string): Promise<string[]> {
  const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix });
  return collected(pages, ({ Contents }) => Contents?.map(({ Key = '' }) => Key));
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
): Promise<{ name: string; messages: Entry[]; isHidden: boolean }> {
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
