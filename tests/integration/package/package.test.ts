import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fieldsOf, SHAPES } from '../../../packages/producer/pack';
import { type Consumer, installProducer, PRODUCER } from '../../support/installed-producer';

const tool = (name: string): string => resolve('node_modules/.bin', name);

/** Uses a function of each part, with the types that a caller may name. */
const CONSUMER = `
import { createProducer, createTestProducer, InvalidJobError, StoreError } from '${PRODUCER}';
import type { Accepted, JobStatus, Producer, Sent } from '${PRODUCER}';

export async function use(producer: Producer = createProducer({ instance: 'my-api', region: 'eu-central-1' })): Promise<string> {
  try {
    const accepted: Accepted = await producer.feedback(
      { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works', context: { build: 7 } },
      { key: 'key', principal: 'client' },
    );
    const job: JobStatus = await producer.jobs.get(accepted.id, { principal: 'client' });
    await producer.track({ id: '1', name: 'opened', time: new Date().toISOString() });
    return job.reason === 'never-sent' ? job.reason : job.state;
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems.map(({ field }) => field).join();
    if (error instanceof StoreError) return error.code;
    throw error;
  } finally {
    await producer.close();
  }
}

export async function subjects(): Promise<string[]> {
  const producer = createTestProducer();
  await use(producer);
  return producer.sent.flatMap((one: Sent) => (one.kind === 'feedback' ? [one.data.subject] : []));
}

// @ts-expect-error: feedback needs a subject
export const wrong = (producer: Producer) => producer.feedback({ user: { email: 'a@example.com' }, message: 'Hi' });
`;

const STRICT = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  target: 'es2022',
  types: ['node'],
};

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installProducer(['@types/node', 'undici-types']);
});
afterAll(() => consumer.remove());

const compile = (name: string, options: object, files: string[]) => {
  const config = `tsconfig.${name}.json`;
  consumer.write(config, JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }));
  return consumer.run(tool('tsc'), ['-p', config, '--checkers', '1']);
};

/** What a script of the consumer prints. */
const printed = (file: string, script: string): string => {
  consumer.write(file, script);
  return consumer.run(process.execPath, [file]).trim();
};

test('the package of the producer has no problem that publint knows', () => {
  expect(consumer.run(tool('publint'), ['run', consumer.tarball, '--strict'])).toContain('All good!');
});

test.each([
  ['Node', { module: 'nodenext' }, ['consumer.mts', 'consumer.cts']],
  ['a bundler', { module: 'esnext', moduleResolution: 'bundler' }, ['consumer.ts']],
])('the package compiles strictly in the project of its user, by the rules of %s', (name, options, files) => {
  for (const file of files) consumer.write(file, CONSUMER);

  expect(compile(name.replace(' ', '-'), options, files)).toBe('');
});

test('the package of the producer has over each field of each kind what it means, with its rule', () => {
  const types = readFileSync(join(consumer.folder, 'node_modules', PRODUCER, 'dist/index.d.ts'), 'utf8');
  const fields = Object.values(SHAPES).flatMap((shape) => fieldsOf(shape));
  const over = (path: string, { description }: { description?: string | undefined }) =>
    types.replaceAll(/\n +/g, '\n').includes(`/** ${description} */\n${path.split('.').at(-1)}`);
  const bare = fields.filter(([path, field]) => !over(path, field)).map(([path]) => path);

  expect(fields.length).toBeGreaterThan(90);
  // What the stack writes, and the id that is an argument.
  expect(bare.filter((path) => !/^(settings|endpoints)\.|^id$/.test(path))).toEqual([]);
});

test('the package of the producer says of each function what it does, and asks first for the owner of a key', () => {
  const types = readFileSync(join(consumer.folder, 'node_modules', PRODUCER, 'dist/index.d.ts'), 'utf8');
  const named = ['Inputs', 'Sending', 'Producer', 'Jobs', 'CampaignControl', 'Suppression', 'Tracker', 'TestProducer'];
  const bare = named.flatMap((name) => {
    const [, body = ''] = new RegExp(`\\n(?:export )?declare interface ${name} [^{]*{\n([^]*?)\n}`).exec(types) ?? [];
    expect(body).toContain('/**');
    const lines = body.split('\n').map((line, at, all) => [line, all[at - 1] ?? ''] as const);
    return lines.filter(([line, before]) => /^ {4}(readonly )?\w+(\(|: )/.test(line) && !before.endsWith('*/'));
  });
  const call = `import { createProducer } from '${PRODUCER}';
createProducer().feedback({ user: { email: 'a@example.com' }, subject: 'Hi', message: 'Hi' }, { key: 'k' });`;
  consumer.write('owner.mts', call);

  expect(bare.map(([line]) => line.trim())).toEqual(['attachments: {', 'jobs: Jobs;']);
  expect(() => compile('owner', { module: 'nodenext' }, ['owner.mts'])).toThrow(
    "Property 'principal' is missing in type '{ key: string; }'",
  );
});

test('the package of the producer is one copy of its code, whether it is imported or required', () => {
  const script = `
    import { createRequire } from 'node:module';
    import * as imported from '${PRODUCER}';
    const required = createRequire(import.meta.url)('${PRODUCER}');
    const same = Object.keys(required).every((name) => required[name] === imported[name]);
    console.log(same, Object.keys(required).sort().join(' '));`;

  expect(printed('both.mjs', script)).toBe(
    'true ConfigError IdempotencyConflictError InvalidJobError JobEndedError JobNotFoundError RepeatedCampaignError StoreError UnsentEventsError createProducer createTestProducer isEndOf',
  );
});

test('the package of the producer exports the schemas to both, apart from its code', () => {
  const script = `
    import { createRequire } from 'node:module';
    import * as imported from '${PRODUCER}/schemas';
    const require = createRequire(import.meta.url);
    const required = require('${PRODUCER}/schemas');
    console.log(JSON.stringify([required.inputs === imported.inputs, required]));`;

  const [same, exported] = JSON.parse(printed('schemas.mjs', script));

  const read = (name: string) => JSON.parse(readFileSync(`docs/schemas/${name}.json`, 'utf8'));
  const { messages, ...others } = exported;
  expect(same).toBe(true);
  for (const [type, schema] of Object.entries(messages)) expect(schema).toEqual(read(type));
  expect(others).toEqual({ jobEnded: read('job-ended.event'), inputs: read('inputs'), asyncapi: read('asyncapi') });
});

test('the package of the producer opens nothing and loads no client of AWS and no schema when it is imported', () => {
  const script = `
    const { createProducer } = require('${PRODUCER}');
    createProducer({ instance: 'my-api', region: 'eu-central-1' });
    const clients = Object.keys(require.cache).filter((file) => /@aws-sdk|@smithy|dist.schemas/.test(file));
    console.log(clients.length, process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap').length);`;

  expect(printed('loaded.cjs', script)).toBe('0 0');
});

test('the test producer of the package throws the errors of the package, and loads no client of AWS and no network', () => {
  const script = `
    const { createTestProducer, InvalidJobError } = require('${PRODUCER}');
    const producer = createTestProducer();
    const feedback = { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' };
    (async () => {
      const { id } = await producer.feedback(feedback);
      await producer.complete(id);
      const { state } = await producer.jobs.get(id);
      const error = await producer.feedback({}).catch((error) => error);
      const clients = Object.keys(require.cache).filter((file) => /@aws-sdk|@smithy/.test(file));
      const network = process.moduleLoadList.filter((name) => /NativeModule (net|tls|dns|dgram|https?2?)$/.test(name));
      require('node:fs').writeSync(1, JSON.stringify([state, error instanceof InvalidJobError, clients, network]));
    })();`;

  expect(JSON.parse(printed('tested.cjs', script))).toEqual(['succeeded', true, [], []]);
});

test('the package of the producer has at most 320 kB with its schemas', () => {
  const home = join(consumer.folder, 'node_modules', PRODUCER);
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name));
  const bytes = names.reduce((sum, name) => sum + statSync(join(home, name)).size, 0);

  expect(bytes).toBeLessThanOrEqual(320_000);
});
