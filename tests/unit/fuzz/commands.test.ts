import fc from 'fast-check';
import type { Options } from '../../../packages/cli/command';
import { type CommandName, commands, GUARDED, optionsOf } from '../../../packages/cli/commands';
import { beforeCommand, beforeDeployment } from '../../../packages/cli/core';
import { runCommand } from '../../../packages/cli/run';
import type { Serverless } from '../../../packages/cli/target';
import { readInstance } from '../../../resources/instances/read';
import { testedConsole } from '../../support/console';
import { envelope, jobId } from '../../support/engine';
import { fakeAws } from '../../support/fake-aws';
import { environmentOf } from '../../support/instances';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';
import { fakeServerless, ServerlessError } from '../../support/serverless';
import { bodyOf, MARK, named, printSeed, share, text } from './random';

beforeAll(printSeed);

/** What AWS, a proxy or a broken network answers. */
interface Answer {
  status: number | 'reset';
  body: string;
}
/** DynamoDB answers whole items. entries.test.ts damages them. */
const json = named(['Stacks', 'TemplateBody', 'QueueUrl', '__type', 'message', 'Attributes', 'code', 'Functions']);
const answer: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom<Answer['status'][]>('reset', 200, 200, 200, 301, 400, 403, 404, 500, 503),
  body: fc.oneof(
    bodyOf(json),
    fc.constantFrom(
      ...['<Error><Code>NoSuchBucket</Code>', '<DescribeStacksResult>', '<a/>', '<html>', '{'].map((b) => b + MARK),
      '{}',
      '{"__type":"com.amazonaws#AccessDeniedException"}',
    ),
  ),
});

let answers: Answer[] = [];
let asked = 0;
const aws = fakeAws(({ request }, response) => {
  const { status, body } = answers[asked++ % answers.length] as Answer;
  if (status === 'reset') return void request.socket.destroy();
  response.setHeader('x-amz-request-id', MARK);
  return [status, body];
});
afterAll(async () => (await aws).close());

/** Serverless Framework with an instance's settings, whose account, if AWS tells one, is the file's own. */
async function serverlessOf(name: string, known: boolean): Promise<Serverless> {
  const instance = readInstance(name, process.cwd());
  const { account = '', region, stage, hashKey } = instance;
  const config = { ...(await aws).config, region };
  return fakeServerless({
    ...{ stage, region, own: account, hashKey, config, environment: environmentOf(instance) },
    account: async () => {
      if (!known) throw new Error('The security token included in the request is invalid.');
      return account;
    },
  });
}

let printed: string;
beforeEach(() => {
  printed = '';
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((written) => {
      printed += String(written);
      // Ctrl-C, once the console runs.
      if (String(written).includes('#token=')) setImmediate(() => process.emit('SIGINT'));
      return true;
    });
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

const deployed = fc.constantFrom('acme', 'mht-api-staging', 'mht-api');
const word = fc.oneof(
  text.map((drawn) => drawn.replaceAll(MARK, '')),
  fc.constantFrom(jobId(1), 'feedback', 'held', '2026-01-02T03', '2026-01-02', '99999999', '-1', '0'),
  fc.constantFrom('0001-01-01T00', '9999-12-31T23'),
);
const value = fc.oneof(word, fc.constant(true));

const NAMES = Object.keys(commands) as CommandName[];
const ourCall = fc.constantFrom(...NAMES).chain((name) => {
  const given = Object.keys(optionsOf(commands[name]));
  const drawn = given.length === 0 ? fc.constant({}) : fc.dictionary(fc.constantFrom(...given), value);
  return fc.record({
    name: fc.constant(name),
    options: fc
      .tuple(drawn, fc.constantFrom({}, { yes: true }))
      .map(([drawn, more]) => ({ ...drawn, ...more, port: '0' }) as Options),
  });
});

const yes = fc.constant(true);
const options = fc.record({ yes, plan: yes, package: word, confirm: word }, { requiredKeys: [] });
const param = fc.oneof(word, fc.array(word, { maxLength: 2 }));
const choice = fc.record({ stage: word, region: word, param }, { requiredKeys: [] });
const theirCall = fc.record({
  command: fc.constantFrom(...Object.keys(GUARDED), 'info', 'logs', 'deploy list'),
  options: fc
    .tuple(options, fc.oneof({ arbitrary: fc.constant({}), weight: 4 }, { arbitrary: choice, weight: 1 }))
    .map((drawn) => Object.assign({}, ...drawn) as Options),
});

/** Runs it. Only an error that Serverless shows without a stack is expected. */
async function expectWords(run: () => Promise<void>): Promise<void> {
  printed = '';
  await run().catch((error: unknown) => {
    if (!(error instanceof ServerlessError)) throw error;
    printed += error.message;
  });
  expect(printed).not.toContain(MARK);
  expect(printed).not.toMatch(/node_modules|\.ts:/);
}

/** An instance, whether its credentials are good, and what AWS answers. */
const served = fc.array(answer, { minLength: 1, maxLength: 4 });
const exchanges = fc.record({ name: deployed, known: fc.boolean(), served });
const serve = (served: Answer[]) => {
  answers = served;
  asked = 0;
};

test('any command with any options, on any answer of AWS, ends in words and shows nothing of that answer', async () => {
  await fc.assert(
    fc.asyncProperty(ourCall, exchanges, async (call, { name, known, served }) => {
      serve(served);
      const serverless = await serverlessOf(name, known);
      const options = { ...call.options, param: `instance=${name}` };
      await expectWords(() => runCommand({ name: call.name, command: commands[call.name], serverless, options }));
    }),
    share(0.02),
  );
});

test("any of Serverless's own commands, on any answer of AWS, goes on or ends in words", async () => {
  await fc.assert(
    fc.asyncProperty(theirCall, exchanges, async ({ command, options }, { name, known, served }) => {
      serve(served);
      const serverless = await serverlessOf(name, known);
      serverless.processedInput.commands = command.split(' ');
      await expectWords(async () => {
        const given = { param: `instance=${name}`, ...options };
        await beforeCommand(serverless, given);
        await beforeDeployment(serverless, given);
      });
    }),
    share(0.02),
  );
});

test('the console answers any request without an error of its own, and one without the token with no data', async () => {
  const { engine } = sampleEngine();
  engine.send(envelope(1, { data: { email: MARK } }));
  const served = await testedConsole(engine, { write: true });
  const word = fc.oneof(text, fc.constantFrom(jobId(1), SAMPLE_QUEUE, 'held', '1767322800000', '..', '%'));
  const PATHS = ['session overview jobs job data dead bulk campaigns campaign local', 'reveal preview act bulk/preview']
    .concat('bulk/start local/break other')
    .flatMap((paths) => paths.split(' '));
  const params = fc.dictionary(
    fc.constantFrom('q', 'by', 'queue', 'state', 'id', 'from', 'to', 'reason', 'code', 'vendor', 'principal', 'day'),
    word,
  );
  const path = fc.tuple(fc.constantFrom(...PATHS), params).map(([name, given]) => {
    const query = new URLSearchParams();
    for (const [key, sent] of Object.entries(given)) query.set(key, sent.toWellFormed());
    return `/console/api/${name}?${query}`;
  });
  const request = fc.record({
    path,
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'),
    body: bodyOf(named(['action', 'queue', 'id', 'reason', 'filter', 'name', 'step', 'as'])),
    token: fc.boolean(),
  });
  const jobs = (query: string) => ({ path: `/console/api/jobs?${query}`, method: 'GET', body: '', token: true });
  const FAR = ['from=-62135596800000', 'from=0&to=1e300', 'from=-1e300&to=0', 'from=1e300', 'to=-1e300', 'to=1e300'];
  try {
    await fc.assert(
      fc.asyncProperty(request, async ({ path: to, method, body, token }) => {
        const { host, 'x-console': header } = served.headers as Record<string, string>;
        const headers = token
          ? { ...served.headers, origin: `http://${served.host}`, 'content-type': 'application/json' }
          : { host: host ?? '', 'x-console': header ?? '' };
        const sent = /^P/.test(method) ? { body } : {};
        const { status, body: said } = await served.raw(to, { method, headers, ...sent });

        expect(status).toBeLessThan(500);
        expect(said).not.toMatch(/node_modules|\.ts:/);
        if (!token) expect([401, 403, 404, 405]).toContain(status);
        if (!token) expect(said).not.toContain(jobId(1));
      }),
      { ...share(0.02), examples: FAR.map((query) => [jobs(query)]) },
    );
  } finally {
    await served.close();
  }
});
