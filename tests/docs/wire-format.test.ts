import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import Ajv from 'ajv/dist/2020';
import { problemOf } from '../../lib/analytics/message';
import { feedbackPerson } from '../../lib/feedback/message';
import { jobIdOf, parseEnvelope } from '../../lib/jobs/envelope';
import { messageType, type QueueContract } from '../../lib/worker/contract';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';
import { memoryEngine } from '../support/engine';
import { HASH_KEY, hashed } from '../support/hash-people';
import { pages } from './pages';
import { contracts, SCHEMAS, schemaFiles, WIRE_TYPES } from './schemas';

type Message = Record<string, unknown> & { type: string; data: Record<string, unknown> };

const page = pages().find(({ file }) => file === 'docs/wire-format.md');
const blocks = (language: string) => (page?.blocks ?? []).filter((block) => block.language === language);
/** A whole message, and the data of the other types. */
const [whole, dataOf] = blocks('json').map((block) => JSON.parse(block.text) as object) as [
  Message,
  Record<string, Message['data']>,
];
const examples: Message[] = [whole, ...Object.entries(dataOf).map(([type, data]) => ({ ...whole, type, data }))];

const ajv = new Ajv({ strict: false, validateFormats: false });
const schema = (type: string) => {
  const parsed = JSON.parse(readFileSync(`${SCHEMAS}/${type}.json`, 'utf8')) as { title: string };
  return ajv.getSchema(type) ?? ajv.addSchema(parsed, type).getSchema(type);
};
const isValid = (message: Message) => schema(message.type)?.(message) === true;

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

describe.each(examples.map((example) => [example.type, example] as const))('the example of %s', (_type, example) => {
  test('fits its schema, and the worker accepts it', async () => {
    expect(isValid(example)).toBe(true);
    expect(await stateInWorker(example)).toBe('succeeded');
  });

  test.each<[string, (message: Message) => Message]>([
    ['without an id', ({ id: _id, ...rest }) => rest as Message],
    ['with a time without a zone', (message) => ({ ...message, time: '2026-01-02T03:04:05' })],
    ['with data in XML', (message) => ({ ...message, datacontenttype: 'application/xml' })],
    ['without data', ({ data: _data, ...rest }) => rest as Message],
    ['with an unknown field in its data', (message) => ({ ...message, data: { ...message.data, other: 1 } })],
    ...Object.keys(example.data).map((field): [string, (message: Message) => Message] => [
      `whose ${field} has the wrong type`,
      (message) => ({ ...message, data: { ...message.data, [field]: 7 } }),
    ]),
  ])('%s breaks the schema, and the worker refuses it', async (_what, change) => {
    const changed = change(example);

    expect(isValid(changed)).toBe(false);
    expect(await stateInWorker(changed)).toBe('dead');
  });
});

test.each([
  ['with a template and words of its own', { templateId: `d-${'0'.repeat(32)}`, text: 'x' }],
  ['without words', { text: undefined }],
])('a mail %s breaks the schema, and the worker refuses it', async (_what, changes) => {
  const example = examples.find(({ type }) => type === 'email.message.v1') as Message;
  const changed = JSON.parse(JSON.stringify({ ...example, data: { ...example.data, ...changes } })) as Message;

  expect(isValid(changed)).toBe(false);
  expect(await stateInWorker(changed)).toBe('dead');
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

describe('the Python example', () => {
  const file = 'docs/send_feedback.py';
  const script = readFileSync(file, 'utf8');

  async function python(parameters: string[], env: Record<string, string> = {}) {
    const child = spawn('python3', parameters, { env: { ...process.env, ...env } });
    // Without python3 there is an error instead of an exit.
    const ended = new Promise<boolean>((resolve) => {
      child.on('error', () => resolve(false)).on('close', (code) => resolve(code === 0));
    });
    const [out, error, ok] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { out: out.trim(), error, ok };
  }

  test('sends a message that fits the schema, in the producer’s group, under the id that it prints', async () => {
    const model = createSqsModel({ now: Date.now, uuid: () => crypto.randomUUID() });
    model.createQueue({ QueueName: 'my-feedback.fifo', Attributes: { FifoQueue: 'true' } });
    const sqs = await startSqs(model);
    if (!(await python(['-c', 'import boto3'])).ok) {
      await sqs.close();
      process.stderr.write('There is no python3 with boto3, so the example is only read, not run.\n');
      for (const { id, data: _data, ...attributes } of examples.slice(0, 1))
        for (const name of Object.keys(attributes).filter((name) => name !== 'correlationid'))
          expect([id, script]).toEqual([id, expect.stringContaining(`"${name}":`)]);
      return;
    }

    const { out, error } = await python([file], {
      QUEUE_URL: `${sqs.url}/000000000000/my-feedback.fifo`,
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      HASH_KEY,
    });
    await sqs.close();
    const [sent] = model.messages('my-feedback.fifo');
    const message = JSON.parse(sent?.body ?? error) as Message & { id: string; source: string };

    expect(isValid(message)).toBe(true);
    // The engine has a clock of its own.
    expect(await stateInWorker({ ...message, time: String(examples[0]?.time) })).toBe('succeeded');
    expect(out).toBe(jobIdOf(message));
    expect(sent?.deduplicationId).not.toContain(out);
    const who = feedbackPerson(parseEnvelope(sent?.body ?? '').data as never);
    expect(sent?.groupId).toBe(hashed(who)[0]);
  });
});
