import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import Ajv from 'ajv/dist/2020';
import type { SNSEvent, SQSEvent } from 'aws-lambda';
import { parseEnvelope } from '../../lib/engine/jobs/envelope';
import { completionOf } from '../../lib/engine/jobs/record';
import { messageType, type QueueContract } from '../../lib/engine/worker/contract';
import { notificationOf } from '../../lib/operate/alarms/notification';
import { COSMETIC } from '../../lib/platform/normalise';
import { problemOf } from '../../lib/queues/analytics/message';
import { feedbackPerson } from '../../lib/queues/feedback/message';
import { awsVariables } from '../../packages/local/connection';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';
import { acceptedRow } from '../support/accepted-row';
import { memoryEngine } from '../support/engine';
import { HASH_KEY, hashed } from '../support/hash-people';
import { inState } from '../support/in-state';
import { completionSchema } from './completion-schema';
import { pages } from './pages';
import { contracts, EVENT_SCHEMA, SCHEMAS, schemaFiles, WIRE_TYPES } from './schemas';

type Message = Record<string, unknown> & { type: string; data: Record<string, unknown> };

const all = pages();
const jsonOf = (page: string): unknown[] =>
  (all.find(({ file }) => file === page)?.blocks ?? []).flatMap(({ language, text }) =>
    language === 'json' ? [JSON.parse(text)] : [],
  );
/** A whole message, and the data of the other types. */
const [whole, dataOf] = jsonOf('docs/wire-format.md') as [Message, Record<string, Message['data']>];
const examples: Message[] = [whole, ...Object.entries(dataOf).map(([type, data]) => ({ ...whole, type, data }))];

const ajv = new Ajv({ strict: false, validateFormats: false });
const jsonIn = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as object;
const schema = (file: string) => ajv.getSchema(file) ?? ajv.addSchema(jsonIn(file), file).getSchema(file);
const isValid = (message: Message) => schema(`${SCHEMAS}/${message.type}.json`)?.(message) === true;

const contractOf = (type: string) => contracts.find(({ types }) => type in types) as QueueContract;

/** The queue's own envelope and data rules, with work that only succeeds. */
async function stateInWorker(message: Message): Promise<string | undefined> {
  const { queue, types } = contractOf(message.type);
  const work = Object.entries(types).map(([type, known]) => [
    type,
    messageType({ schema: known.schema, process: async () => 'done' }),
  ]);
  const engine = memoryEngine(() => ({ queue, types: Object.fromEntries(work) }));
  engine.send(JSON.stringify(message));
  await engine.deliver();
  return engine.rows()[0]?.state;
}

test('the schema files are those of today’s code, or else "npm run schemas" writes them anew', () => {
  const files = schemaFiles();

  for (const [file, text] of Object.entries(files)) expect([file, readFileSync(file, 'utf8')]).toEqual([file, text]);
  for (const name of readdirSync(SCHEMAS)) expect(Object.keys(files)).toContain(`${SCHEMAS}/${name}`);
});

test('every type of a queue has an example on the page, except those that only our own code sends', () => {
  expect(examples.map(({ type }) => type).toSorted()).toEqual(Object.keys(WIRE_TYPES).toSorted());
});

type Break = [what: string, change: (message: Message) => Message];
const withData =
  (changes: object): Break[1] =>
  (message) => ({ ...message, data: { ...message.data, ...changes } });
/** What only a mail cannot have, though each of its fields is right. */
const MAIL_BREAKS: Break[] = [
  ['with a template and words of its own', withData({ templateId: `d-${'0'.repeat(32)}`, text: 'x' })],
  ['without words', withData({ text: undefined })],
];

describe.each(examples.map((example) => [example.type, example] as const))('the example of %s', (type, example) => {
  test('fits its schema, and the worker accepts it', async () => {
    expect(isValid(example)).toBe(true);
    expect(await stateInWorker(example)).toBe('succeeded');
  });

  test.each<Break>([
    ['without an id', ({ id: _id, ...rest }) => rest as Message],
    ['with a time without a zone', (message) => ({ ...message, time: '2026-01-02T03:04:05' })],
    ['with data in XML', (message) => ({ ...message, datacontenttype: 'application/xml' })],
    ['without data', ({ data: _data, ...rest }) => rest as Message],
    ['with an unknown field in its data', withData({ other: 1 })],
    ...Object.keys(example.data).map((field): Break => [`whose ${field} has the wrong type`, withData({ [field]: 7 })]),
    ...(type === 'email.message.v1' ? MAIL_BREAKS : []),
  ])('%s breaks the schema, and the worker refuses it, unless the field is cosmetic', async (what, change) => {
    const changed = change(example);

    const cosmetic: readonly string[] = COSMETIC[type as keyof typeof COSMETIC] ?? [];
    expect(isValid(changed)).toBe(false);
    expect(await stateInWorker(changed)).toBe(
      cosmetic.some((field) => what.endsWith(`whose ${field} has the wrong type`)) ? 'succeeded' : 'dead',
    );
  });
});

test('the schema of an analytics event agrees with the worker’s own check', () => {
  const example = examples.find(({ type }) => type === 'analytics.events.v1') as Message;
  const [event] = example.data.events as Record<string, unknown>[];
  const changes: Record<string, unknown[]> = {
    id: ['a.b:c-d_e', '', 'x'.repeat(65), 'a b', 7, undefined],
    name: ['Screen viewed', '1st', 'x'.repeat(101), undefined],
    time: ['2026-01-02T03:04:05.123456789Z', '2026-01-02', '2026-01-02T03:04:05', undefined],
    user: ['ü', '', 'x'.repeat(129), 'a\nb', null],
    device: ['d', 1],
    schema: [1, 0, 1.5, '1'],
    properties: [{}, [], { 'a-b': 1 }, { $a: null }, { a: {} }, { a: 'x'.repeat(2001) }, { a: 'x\u0000' }],
    other: [1],
  };

  for (const [field, values] of Object.entries(changes))
    for (const value of values) {
      const changed = JSON.parse(JSON.stringify({ ...event, [field]: value })) as object;
      const isFine = problemOf(changed, Date.parse('2026-01-02T03:04:05Z')) === undefined;

      expect([field, value, isValid({ ...example, data: { events: [changed] } })]).toEqual([field, value, isFine]);
    }
});

test('the Python example sends a message that fits the schema, in the producer’s group, under the id that it prints', async () => {
  const python = (parameters: string[], env: Record<string, string> = {}) =>
    promisify(execFile)('python3', parameters, { env: { ...process.env, ...env } });
  const missing = await python(['-c', 'import boto3']).then(
    () => false,
    () => true,
  );
  if (missing) return void process.stderr.write('There is no python3 with boto3, so the example is not run.\n');
  const model = createSqsModel({ now: Date.now, uuid: () => crypto.randomUUID() });
  model.createQueue({ QueueName: 'my-feedback.fifo', Attributes: { FifoQueue: 'true' } });
  const sqs = await startSqs(model);

  const { stdout } = await python(['docs/send_feedback.py'], {
    QUEUE_URL: `${sqs.url}/000000000000/my-feedback.fifo`,
    ...awsVariables({ sqs: sqs.url, s3: '', dynamodb: '', aws: '' }),
    AWS_DEFAULT_REGION: 'us-east-1',
    GROUP_KEY: createHmac('sha256', HASH_KEY).update('feedback').digest('hex'),
  }).finally(sqs.close);
  const [sent] = model.messages('my-feedback.fifo');
  const message = JSON.parse(sent?.body ?? '') as Message & { id: string; source: string };

  expect(isValid(message)).toBe(true);
  // The engine has a clock of its own.
  expect(await stateInWorker({ ...message, time: String(examples[0]?.time) })).toBe('succeeded');
  expect(stdout.trim()).toBe(message.id);
  expect(sent?.deduplicationId).not.toContain(stdout.trim());
  const who = feedbackPerson(parseEnvelope(sent?.body ?? '').data as never);
  expect(sent?.groupId).toBe(hashed(who)[0]);
});

describe('the event about the end of a job', () => {
  const [event] = jsonOf('docs/events.md') as object[];

  test('follows its schema on the page, which explains every field', () => {
    expect(schema(EVENT_SCHEMA)?.(event)).toBe(true);
    for (const field of Object.keys(completionSchema.shape))
      expect(readFileSync('docs/events.md', 'utf8')).toMatch(new RegExp(`^\\| .*\`${field}\`.* \\|`, 'm'));
  });

  test.each(['succeeded', 'dead', 'cancelled'] as const)('follows its schema if the job is %s', (state) => {
    const error = { class: 'permanent' as const, code: 'Rejected', message: 'no', field: 'data.subject' };
    const ends = { succeeded: {}, dead: { reason: 'error', error }, cancelled: { reason: 'operator' } } as const;
    const row = { ...acceptedRow(0), state: inState(state), ...ends[state], firstStartedAt: 1, endedAt: 2 };

    const detail = completionOf({ ...row, traceparent: 't', result: { ticketId: '7' }, correlationId: 'c' });

    expect(schema(EVENT_SCHEMA)?.({ ...event, detail })).toBe(true);
  });
});

describe('the events in tests/fixtures, for sls invoke local', () => {
  test.each(contracts.map(({ queue }) => queue))('the one of %s is a message that its worker accepts', (queue) => {
    const [record] = (jsonIn(`tests/fixtures/${queue}.json`) as SQSEvent).Records;
    const message = JSON.parse(record?.body ?? '') as Message;

    expect(record?.eventSourceARN).toBe(`arn:aws:sqs:us-east-1:000000000000:local-${queue}.fifo`);
    expect(WIRE_TYPES[message.type]?.queue).toBe(queue);
    expect(isValid(message)).toBe(true);
  });

  test('the one of the alarms is an alarm', () => {
    const { Records } = jsonIn('tests/fixtures/alarms.json') as SNSEvent;

    expect(Records.map(({ Sns }) => notificationOf(Sns, { instance: 'local', queues: [] }))).toMatchObject([
      { change: { kind: 'reconciler-missing', firing: true } },
    ]);
  });
});
