import { PassThrough } from 'node:stream';
import type { Command, Options } from '../../../lib/cli/command';
import type { Connection } from '../../../lib/cli/connect';
import { type Call, runCommand } from '../../../lib/cli/run';
import type { Serverless } from '../../../lib/cli/serverless';
import { askOn } from '../../../lib/cli/terminal';
import { ConfigError } from '../../../lib/config/environment';
import { StoreError } from '../../../lib/errors';
import { IllegalTransitionError } from '../../../lib/jobs/transitions';
import { OperatorError } from '../../../lib/ops/operator';
import { acceptedRow } from '../../support/accepted-row';
import { memoryEngine } from '../../support/engine';
import { recordingOutput } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

class ServerlessError extends Error {}

const ARN = 'arn:aws:sts::123456789012:assumed-role/Operator/jane';

type Run = Command['run'];
/** What a command is apart from its words and its code. */
type Kind = Pick<Command, 'writes' | 'checksAccount'>;
const WRITES: Kind = { writes: true };

/** Runs a command on the instance acme. `answer`: what the operator types. `own`: the account that the file names. */
function call(
  run: Run,
  {
    options = {},
    kind = {},
    stage = 'prod',
    answer,
    account = async () => '123456789012',
    own = '123456789012',
    connectTo = () => Promise.reject(new Error('not needed')),
  }: {
    options?: Options;
    kind?: Kind;
    stage?: string;
    answer?: string;
    account?: () => Promise<string>;
    own?: string;
    connectTo?: NonNullable<Call['connectTo']>;
  } = {},
) {
  const { out, recorded } = recordingOutput(answer);
  const serverless = {
    classes: { Error: ServerlessError },
    service: { provider: { environment: { INSTANCE: 'acme' } }, custom: { instance: { account: own } } },
    getProvider: () => ({
      getStage: () => stage,
      getRegion: () => 'eu-central-1',
      getAccountInfo: async () => ({ accountId: await account(), arn: ARN }),
    }),
  } as unknown as Serverless;
  const command: Command = { usage: '', options: {}, ...kind, run };
  const ended = runCommand({ name: 'jobs cancel', command, serverless, options, out, connectTo });
  return { ended, recorded };
}

const failing = (error: Error, options: Options = {}) => call(() => Promise.reject(error), { options });

test.each([
  new OperatorError('There is no job.'),
  new StoreError({ code: 'SQS.Throttled', message: 'There is no job' }),
  new ConfigError('There is no job'),
  new IllegalTransitionError('resolve', acceptedRow(0)),
])('an expected error becomes an error of Serverless with one sentence: %s', async (error) => {
  const sentence = `${error.message.replace(/\.$/, '')}.`;

  await expect(failing(error).ended).rejects.toEqual(new ServerlessError(sentence));
});

test('with --json, an error sets the exit code and prints nothing to standard output', async () => {
  const { ended, recorded } = failing(new OperatorError('There is no job.'), { json: true });
  await ended;

  expect(recorded).toMatchObject({ lines: [], exitCode: 1 });
  expect(recorded.notes.at(-1)).toBe('There is no job.');
});

test('an unexpected error keeps its stack', async () => {
  const bug = new TypeError('undefined is not a function');

  await expect(failing(bug, { json: true }).ended).rejects.toBe(bug);
});

test('the command that an error proposes acts on the same deployment', async () => {
  const { ended } = failing(new OperatorError('The job is held. Resolve its step:', 'jobs settle ID'));

  await expect(ended).rejects.toThrow(
    'The job is held. Resolve its step: npx sls jobs settle ID --stage prod --param instance=acme --region eu-central-1',
  );
});

describe('before it does anything, a command', () => {
  const refuse: Run = () => Promise.reject(new Error('the command ran'));

  test('names instance, stage, account and region on standard error', async () => {
    const { ended, recorded } = call(async () => {});
    await ended;

    expect(recorded).toMatchObject({ notes: ['acme · stage prod · account 123456789012 · eu-central-1'], lines: [] });
  });

  test('names the service on this machine without asking AWS', async () => {
    const account = () => Promise.reject(new Error('AWS was asked'));
    const { ended, recorded } = call(async () => {}, { stage: 'local', account });
    await ended;

    expect(recorded.notes).toEqual(['acme · stage local · the service on this machine']);
  });

  test('stops if the account of the credentials is unknown', async () => {
    const account = () => Promise.reject(new Error('ExpiredToken: the token has expired'));

    await expect(call(refuse, { account }).ended).rejects.toThrow(
      'The AWS account of these credentials is unknown: ExpiredToken: the token has expired.',
    );
  });

  test('refuses credentials of another account than that of the file, whatever it does', async () => {
    const { ended, recorded } = call(refuse, {
      kind: WRITES,
      own: '999999999999',
      answer: 'acme',
    });

    await expect(ended).rejects.toThrow(
      'instances/acme.yml: account: is 999999999999, but the credentials are of 123456789012.',
    );
    expect(recorded.notes).toEqual(['acme · stage prod · account 123456789012 · eu-central-1']);
  });

  test('leaves the account to a command that reports it with all other problems', async () => {
    const { ended, recorded } = call(async ({ out }) => out.line('done'), {
      kind: { checksAccount: true },
      own: '999999999999',
    });
    await ended;

    expect(recorded.lines).toEqual(['done']);
  });

  test('leaves credentials that AWS does not know to such a command too', async () => {
    const { ended, recorded } = call(async ({ out }) => out.line('done'), {
      kind: { checksAccount: true },
      account: () => Promise.reject(new Error('ExpiredToken')),
    });
    await ended;

    expect(recorded).toMatchObject({ lines: ['done'], notes: [] });
  });

  test('asks for the name of the instance if it changes production', async () => {
    const { ended, recorded } = call(async ({ out }) => out.line('done'), { kind: WRITES, answer: 'acme' });
    await ended;

    expect(recorded.notes[1]).toBe('This changes acme in production. Type acme to continue: ');
    expect(recorded.lines).toEqual(['done']);
  });

  test.each(['', 'yes', 'acme-staging'])('does not run after the answer "%s"', async (answer) => {
    await expect(call(refuse, { kind: WRITES, answer }).ended).rejects.toThrow(
      'The answer is not acme. Nothing was changed.',
    );
  });

  test('does not run without a terminal and without --yes', async () => {
    await expect(call(refuse, { kind: WRITES }).ended).rejects.toThrow(
      'This changes acme in production, and there is no terminal to ask on. Nothing was changed. Add --yes to run it without a question.',
    );
  });

  test.each<[string, Parameters<typeof call>[1]]>([
    ['with --yes', { kind: WRITES, options: { yes: true } }],
    ['on staging', { kind: WRITES, stage: 'staging' }],
    ['on this machine', { kind: WRITES, stage: 'local' }],
    ['if it only reads', {}],
    ['without the option that changes something', { kind: { writes: 'repair' } }],
  ])('asks nothing %s', async (_when, how) => {
    const { ended, recorded } = call(async ({ out }) => out.line('done'), how);
    await ended;

    expect(recorded.lines).toEqual(['done']);
    expect(recorded.notes).toHaveLength(1);
  });

  test.each<[string, Parameters<typeof call>[1]]>([
    ['on a stage that it does not know', { kind: WRITES, stage: 'acme' }],
    ['with the option that changes something', { kind: { writes: 'repair' }, options: { repair: true } }],
  ])('asks %s', async (_when, how) => {
    await expect(call(refuse, how).ended).rejects.toThrow('no terminal');
  });
});

describe('who runs a command is stored before it changes something', () => {
  /** Runs a command that stores it twice. Answers the stored objects. */
  async function stored(how: Parameters<typeof call>[1], silent = false) {
    const engine = memoryEngine(() => sampleContract().contract);
    const [sent, notes]: [string[], string[]] = [[], []];
    const run: Run = async ({ audited, out }) => out.json([await audited(), await audited()]);
    const { ended, recorded } = call(run, {
      ...{ kind: WRITES, ...how },
      connectTo: async ({ by, instance }) => ({
        ...({ ...engine.deps, by, instance } as unknown as Connection),
        log: { ...engine.deps.log, warn: (text) => void notes.push(text) },
        publishAlarm: async ({ subject, text }) => {
          if (silent) throw new StoreError({ code: 'SNS.AuthorizationError', message: 'SNS Publish failed' });
          sent.push(`${subject}: ${text}`);
        },
      }),
    });
    await ended;
    const objects = engine.objects.keys().map((key) => JSON.parse(engine.objects.text(key)));
    return { objects, recorded, sent, notes, ids: recorded.json as string[] };
  }

  test('once for a command, with its arguments, the ARN of the credentials, and the reason', async () => {
    const options = { id: 'a-job', queue: undefined, yes: true, reason: 'asked by the customer', stage: 'prod' };
    const { objects, ids } = await stored({ options });

    expect(objects).toMatchObject([
      { action: 'jobs cancel', instance: 'acme', stage: 'prod', by: ARN, reason: 'asked by the customer' },
    ]);
    expect(objects[0].arguments).toEqual({ id: 'a-job' });
    expect(ids).toEqual([objects[0].id, objects[0].id]);
  });

  test('an operator who gives no reason in production is asked for one', async () => {
    const { objects, recorded } = await stored({ answer: 'acme' });

    expect(recorded.notes.at(-1)).toBe('Why? (for the audit) ');
    expect(objects).toMatchObject([{ reason: 'acme' }]);
  });

  test('a command for tests, or with --yes, asks nothing', async () => {
    const staging = await stored({ stage: 'staging', answer: 'a reason' });
    const yes = await stored({ options: { yes: true }, answer: 'a reason' });

    expect(staging.objects).toEqual([expect.not.objectContaining({ reason: expect.anything() })]);
    expect(yes.objects).toEqual([expect.not.objectContaining({ reason: expect.anything() })]);
  });

  test('the service on this machine knows no users', async () => {
    const { objects } = await stored({ stage: 'local' });

    expect(objects).toMatchObject([{ by: 'this machine' }]);
  });

  test('the chat of the alarms shows a change of production once, without the person and the arguments', async () => {
    const options = { id: 'a-job', yes: true, reason: 'asked by the customer' };
    const { ids, sent } = await stored({ options });
    const staging = await stored({ options, stage: 'staging' });

    expect(sent).toEqual([`An operator changes production: sls jobs cancel, audit ${ids[0]}`]);
    expect(staging.sent).toEqual([]);
  });

  test('a command goes on if the chat cannot be reached, and says so', async () => {
    const { objects, notes } = await stored({ options: { yes: true } }, true);

    expect(objects).toHaveLength(1);
    expect(notes.at(-1)).toBe('The chat of the alarms does not show this: SNS Publish failed');
  });
});

test.each([
  ['acme\n', 'acme'],
  ['', ''],
])('the question is written to the given stream, and the input %j answers %j', async (typed, expected) => {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(typed);

  expect(await askOn({ input, output }, 'Which? ')).toBe(expected);
  expect(String(output.read())).toContain('Which? ');
});
