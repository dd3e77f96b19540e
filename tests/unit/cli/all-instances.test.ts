import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOverAll } from '../../../lib/cli/all-instances';
import type { Command, CommandContext, Run } from '../../../lib/cli/command';
import { commands } from '../../../lib/cli/commands';
import type { Serverless } from '../../../lib/cli/serverless';
import { OperatorError } from '../../../lib/ops/operator';
import { changeInstance, instanceFolder } from '../../support/instances';
import { recordingOutput } from '../../support/operator';

class ServerlessError extends Error {}

const OWN = '123456789012';
let root: string;
let remove: () => void;

beforeEach(() => {
  ({ root, remove } = instanceFolder());
  for (const name of ['acme', 'mht-api', 'mht-api-staging']) changeInstance(root, name, { account: OWN });
});
afterEach(() => remove());

/** Runs a command over the instances acme, mht-api and mht-api-staging with credentials of one account. */
async function overAll(run: Run, options: CommandContext['options'] = {}, command: Command = commands['jobs list']) {
  const { out, recorded } = recordingOutput();
  const serverless = {
    classes: { Error: ServerlessError },
    service: { provider: { environment: { INSTANCE: 'local' } }, functions: { feedback: { environment: {} } } },
    getProvider: () => ({
      getStage: () => 'local',
      getRegion: () => 'us-east-1',
      getAccountId: async () => OWN,
      async getAwsSdkV3Config() {
        return { region: this.getRegion() };
      },
    }),
  } as unknown as Serverless;
  const connect = () => Promise.reject(new Error('not needed'));
  await runOverAll(run, { name: 'jobs list', command, serverless, options, out, connect, root });
  return recorded;
}

const HEADS = {
  acme: `acme · stage prod · account ${OWN} · eu-west-1`,
  mht: `mht-api · stage prod · account ${OWN} · us-east-1`,
  staging: `mht-api-staging · stage staging · account ${OWN} · us-east-1`,
};

test('the command runs once for each instance, under the line that names it', async () => {
  const recorded = await overAll(async ({ out, target, sls, serverless, options }) => {
    const { region } = await serverless.getProvider('aws').getAwsSdkV3Config();
    const { INSTANCE, TABLE } = serverless.service.provider.environment ?? {};
    out.line([target.instance, region, INSTANCE, TABLE, options.param].join(' '));
    out.line(sls('jobs list'));
  });

  expect(recorded.lines).toEqual([
    HEADS.acme,
    'acme eu-west-1 acme acme-jobs instance=acme',
    'npx sls jobs list --stage prod --param instance=acme --region eu-west-1',
    '',
    HEADS.mht,
    'mht-api us-east-1 mht-api mht-api-jobs instance=mht-api',
    'npx sls jobs list --stage prod --param instance=mht-api --region us-east-1',
    '',
    HEADS.staging,
    'mht-api-staging us-east-1 mht-api-staging mht-api-staging-jobs instance=mht-api-staging',
    'npx sls jobs list --stage staging --param instance=mht-api-staging --region us-east-1',
  ]);
  expect(recorded).toMatchObject({ notes: [], exitCode: 0 });
});

test('an instance that fails stops no other one, and the exit code says so', async () => {
  changeInstance(root, 'mht-api-staging', { account: '999999999999' });
  appendFileSync(join(root, 'instances', 'acme.yml'), 'colour: blue\n');

  const recorded = await overAll(async ({ out, target }) => {
    if (target.instance === 'mht-api') throw new OperatorError('There is no such queue');
    out.line('never');
  });

  expect(recorded.lines).toEqual([
    'acme',
    expect.stringContaining('instances/acme.yml: colour: is not a setting.'),
    '',
    HEADS.mht,
    'There is no such queue.',
    '',
    HEADS.staging.replace(OWN, '999999999999'),
    'instances/mht-api-staging.yml: account: is 999999999999, but the credentials are of 123456789012.',
  ]);
  expect(recorded.notes.at(-1)).toBe('3 instances of 3 failed: acme, mht-api, mht-api-staging.');
  expect(recorded.exitCode).toBe(1);
});

test('an unexpected error is shown with its stack and stops no other instance', async () => {
  const recorded = await overAll(async ({ out, target }) => {
    if (target.instance === 'acme') throw new TypeError('undefined is not a function');
    out.line(target.instance);
  });

  expect(recorded.lines).toEqual(expect.arrayContaining(['undefined is not a function', 'mht-api', 'mht-api-staging']));
  expect(recorded.notes[0]).toContain('all-instances.test.ts');
  expect(recorded.exitCode).toBe(1);
});

test('without a failure the exit code is the highest, for example that of findings', async () => {
  const recorded = await overAll(async ({ out, target }) => out.exitCode(target.instance === 'acme' ? 2 : 0));

  expect(recorded.exitCode).toBe(2);
});

test('--json prints one document with the result or the error of each instance', async () => {
  const recorded = await overAll(
    async ({ out, target }) => {
      if (target.instance === 'acme') throw new OperatorError('The table is gone');
      out.json({ jobs: [target.instance] });
    },
    { json: true },
  );

  expect(recorded.lines).toEqual([]);
  expect(recorded.json).toEqual({
    instances: [
      { instance: 'acme', stage: 'prod', account: OWN, region: 'eu-west-1', error: 'The table is gone.' },
      { instance: 'mht-api', stage: 'prod', account: OWN, region: 'us-east-1', result: { jobs: ['mht-api'] } },
      {
        ...{ instance: 'mht-api-staging', stage: 'staging', account: OWN, region: 'us-east-1' },
        result: { jobs: ['mht-api-staging'] },
      },
    ],
  });
  expect(recorded.exitCode).toBe(1);
});

test('--stage leaves only the instances of that stage', async () => {
  const { lines } = await overAll(async () => {}, { stage: 'staging' });

  expect(lines).toEqual([HEADS.staging]);
});

test("an operator's token for one client's vendor reaches no other client's vendor", async () => {
  const seen: unknown[] = [];
  await overAll(async ({ serverless }) => void seen.push(serverless.service.functions));

  expect(seen).toEqual([{}, {}, {}]);
});

test.each<[string, CommandContext['options'], Command]>([
  ['--all is for commands that only read', { repair: true }, commands.reconcile],
  ['--all takes no --param.', { param: 'instance=acme' }, commands['jobs list']],
])('%s: refused before anything runs', async (why, options, command) => {
  const run = () => Promise.reject(new Error('the command ran'));

  await expect(overAll(run, options, command)).rejects.toThrow(why);
});
