import { IllegalTransitionError } from '../../../lib/engine/jobs/transitions';
import { OperatorError } from '../../../lib/operate/ops/operator';
import { ConfigError } from '../../../lib/platform/config/common';
import { StoreError } from '../../../lib/platform/errors';
import type { Command, Options } from '../../../packages/cli/command';
import type { Connection } from '../../../packages/cli/connect';
import { type Call, runCommand } from '../../../packages/cli/run';
import { acceptedRow } from '../../support/accepted-row';
import { recordingOutput } from '../../support/operator';
import { sampleEngine } from '../../support/sample-contract';
import { fakeServerless } from '../../support/serverless';

const ARN = 'arn:aws:sts::123456789012:assumed-role/Operator/jane';

type Run = Command['run'];
/** What a command is apart from its words and its code. */
type Kind = Pick<Command, 'writes' | 'offline'>;
const WRITES: Kind = { writes: true };

type How = Parameters<typeof fakeServerless>[0] &
  Pick<Call, 'connectTo'> & { options?: Options; kind?: Kind; answer?: string };

const unneeded = () => Promise.reject(new Error('not needed'));

/** Runs a command on the instance acme. `answer`: what the operator types. `own`: the account that the file names. */
function call(run: Run, { options = {}, kind = {}, answer, connectTo = unneeded, ...given }: How = {}) {
  const { out, recorded } = recordingOutput(answer);
  const serverless = fakeServerless({ arn: ARN, ...given });
  const command: Command = { usage: '', options: {}, ...kind, run };
  const ended = runCommand({ name: 'jobs cancel', command, serverless, options, out, connectTo });
  return { ended, recorded };
}

const ILLEGAL = new IllegalTransitionError('resolve', acceptedRow(0));

test.each([
  [new OperatorError('There is no job.'), 'There is no job.'],
  [new StoreError({ code: 'SQS.Throttled', message: 'SQS is down' }), 'SQS is down.'],
  [new ConfigError('BUCKET: is missing'), 'BUCKET: is missing.'],
  [ILLEGAL, `${ILLEGAL.message}.`],
  [new StoreError({ code: 'DynamoDB.ResourceNotFoundException', message: 'No' }), 'No. Is the stage deployed in this'],
  [new OperatorError('It is dead. See why: sls jobs show ID'), 'It is dead. See why: sls jobs show ID'],
])('an expected error is shown in words on standard error: %s', async (error, words) => {
  const { ended, recorded } = call(() => Promise.reject(error));

  await ended;
  expect(recorded).toMatchObject({ lines: [], exitCode: 1 });
  expect(recorded.notes.at(-1)?.slice(0, words.length)).toBe(words);
});

test('an unexpected error keeps its stack', async () => {
  const bug = new TypeError('undefined is not a function');

  await expect(call(() => Promise.reject(bug)).ended).rejects.toBe(bug);
});

const NAMED = 'acme · stage prod · account 123456789012 · eu-central-1';
const LOCAL = 'acme · stage local · the service on this machine';
const QUESTION = 'This changes acme in production. Type acme to continue: ';
const unknown = () => Promise.reject(new Error('ExpiredToken: the token has expired'));
const noHost = () => Promise.reject(new Error('getaddrinfo ENOTFOUND sts.eu-central-1.amazonaws.com'));
const run: Run = async ({ out }) => out.line('done');

test.each<[string, How, string[]]>([
  ['names instance, stage, account and region, and asks nothing if it only reads', {}, [NAMED]],
  ['asks nothing without the option that changes something', { kind: { writes: 'repair' } }, [NAMED]],
  ['asks nothing with --yes', { kind: WRITES, options: { yes: true } }, [NAMED]],
  ['asks nothing on staging', { kind: WRITES, stage: 'staging' }, [NAMED.replace('prod', 'staging')]],
  ['asks neither AWS nor the operator on this machine', { kind: WRITES, stage: 'local', account: unknown }, [LOCAL]],
  ['asks for the name of the instance in production', { kind: WRITES, answer: 'acme' }, [NAMED, QUESTION]],
  ['asks AWS nothing if it works without credentials', { kind: { offline: true }, account: unknown }, []],
])('before it does anything, a command %s', async (_what, how, notes) => {
  const { ended, recorded } = call(run, how);
  await ended;

  expect(recorded).toMatchObject({ notes, lines: ['done'] });
});

const ASKS = 'This changes acme in production, and there is no terminal to ask on. Nothing was changed. Add --yes';
test.each<[string, How, string]>([
  ['unknown credentials', { account: unknown }, 'The AWS account of these credentials is unknown: ExpiredToken:'],
  [
    'a mistyped region',
    { account: noHost },
    'instances/acme.yml: region: AWS has no host for eu-central-1: getaddrinfo',
  ],
  ['credentials of another account', { kind: WRITES, own: '999', answer: 'acme' }, 'account: is 999, but the'],
  ['another answer', { kind: WRITES, answer: 'acme-staging' }, 'The answer is not acme. Nothing was changed.'],
  ['no terminal and no --yes', { kind: WRITES }, ASKS],
  ['neither, on a stage that it does not know', { kind: WRITES, stage: 'acme' }, ASKS],
  ['neither, with an option that changes', { kind: { writes: 'repair' }, options: { repair: true } }, ASKS],
])('before it does anything, a command stops at %s', async (_what, how, words) => {
  const { ended, recorded } = call(run, how);
  await ended;

  expect(recorded).toMatchObject({ lines: [], exitCode: 1 });
  expect(recorded.notes.at(-1)).toContain(words);
});

/** Runs a command that stores it twice. Answers the stored objects. */
async function stored(how: How, silent = false) {
  const { engine } = sampleEngine();
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
  return { objects, sent, notes, ids: recorded.json as string[] };
}

test('a change is stored once, with arguments, the ARN of the credentials and the reason. The chat of production shows neither', async () => {
  const options = { id: 'a-job', queue: undefined, yes: true, reason: 'asked by the customer', stage: 'prod' };
  const { objects, ids, sent } = await stored({ options });

  const [id] = ids;
  const who = { instance: 'acme', stage: 'prod', by: ARN, reason: 'asked by the customer' };
  const at = '2026-01-02T03:04:05.000Z';
  expect(objects).toEqual([{ audit: 1, id, at, action: 'jobs cancel', arguments: { id: 'a-job' }, ...who }]);
  expect(ids).toEqual([id, id]);
  expect(sent).toEqual([`An operator changes production: sls jobs cancel, audit ${id}`]);
  expect((await stored({ stage: 'staging' })).sent).toEqual([]);
});

test.each<[string, How, string, string | undefined]>([
  ['an operator who gives no reason in production is asked for one', { answer: 'acme' }, ARN, 'acme'],
  ['with --yes nothing is asked', { options: { yes: true }, answer: 'why' }, ARN, undefined],
  ['on staging nothing is asked', { stage: 'staging', answer: 'why' }, ARN, undefined],
  ['the service on this machine knows no users', { stage: 'local' }, 'this machine', undefined],
])('%s', async (_what, how, by, reason) => {
  const { objects } = await stored(how);

  expect(objects).toMatchObject([{ by }]);
  expect(objects[0].reason).toBe(reason);
});

test('a command goes on if the chat cannot be reached, and says so', async () => {
  const { objects, notes } = await stored({ options: { yes: true } }, true);

  expect(objects).toHaveLength(1);
  expect(notes.at(-1)).toBe('The chat of the alarms does not show this: SNS Publish failed');
});
