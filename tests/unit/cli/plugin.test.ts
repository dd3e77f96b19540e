import { StoreError } from '../../../lib/errors';
import { pauseKey } from '../../../lib/jobs/keys';
import { keepPauses } from '../../../packages/cli/core';
import { dropSharedRole, namePositionals, Ops } from '../../../packages/cli/plugin';
import type { Template } from '../../../packages/cli/target';
import { readInstance } from '../../../resources/instances/read';
import { fakeAws, xml } from '../../support/fake-aws';
import { environmentOf } from '../../support/instances';
import { aTarget } from '../../support/operator';
import { fakeServerless } from '../../support/serverless';

let printed: string[];
beforeEach(() => {
  printed = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.push(String(text));
    return true;
  });
});
afterEach(() => jest.restoreAllMocks());

const run = async (commands: string[], options: Record<string, string> = { stage: 'prod' }) =>
  new Ops(fakeServerless({ commands }), options).hooks.initialize?.();

test('sls deploy is refused with all problems of the file and of the account', async () => {
  const other = new Ops(fakeServerless({ commands: ['deploy'], own: '999999999999' }), { stage: 'prod' });

  await expect(other.hooks.initialize?.()).rejects.toThrow(
    /^instances\/mht-api.yml: .+ still holds the value of the example.+\n.+: account: is 999999999999, but the/s,
  );
});

test.each([
  ['deploy function', 'sls deploy function skips the checks'],
  ['rollback', 'sls rollback skips the checks'],
  ['rollback function', 'sls rollback function skips the checks'],
  ['invoke', 'This changes acme in production'],
])('sls %s is refused in production: %s', async (command, why) => {
  await expect(run(command.split(' '))).rejects.toThrow(why);
});

const GUARDED = ['logs', 'metrics', 'info', 'invoke', 'remove', 'rollback', 'deploy list'];
test.each(GUARDED)('sls %s is refused on the service of this machine, because there is no stack', async (command) => {
  const local = new Ops(fakeServerless({ commands: command.split(' '), stage: 'local' }), { stage: 'local' });
  await expect(local.hooks.initialize?.()).rejects.toThrow('has no stack: npm start prints');
});

test('sls remove of production needs the typed name of the instance, and --yes is not enough', async () => {
  const remove = (options: Record<string, string>) =>
    run(['remove'], { stage: 'prod', yes: true as unknown as string, ...options });

  await expect(remove({})).rejects.toThrow('This removes acme in production, and there is no terminal to ask on.');
  await expect(remove({ confirm: 'acme-staging' })).rejects.toThrow('Add --confirm acme to run it without a question.');
  await expect(remove({ confirm: 'acme' })).resolves.toBeUndefined();
});

test.each(['remove', 'info', 'logs'])('sls %s is refused with credentials of another account', async (command) => {
  const other = fakeServerless({ commands: command.split(' '), own: '999999999999' });

  await expect(async () => new Ops(other, { stage: 'prod' }).hooks.initialize?.()).rejects.toThrow(
    'instances/acme.yml: account: is 999999999999, but the credentials are of 123456789012',
  );
});

test.each(['info', 'deploy list'])(
  'sls %s works with the examples, names its target and asks nothing',
  async (words) => {
    await run(words.split(' '));

    expect(printed).toEqual(['acme · stage prod · account 123456789012 · eu-central-1\n']);
  },
);

test('the shared role is removed, together with every DependsOn a role', () => {
  const template: Template = {
    Resources: {
      IamRoleLambdaExecution: { Type: 'AWS::IAM::Role' },
      FeedbackRole: { Type: 'AWS::IAM::Role' },
      FeedbackFunction: { Type: 'AWS::Lambda::Function', DependsOn: ['FeedbackRole', 'FeedbackLogGroup'] },
      FeedbackLogGroup: { Type: 'AWS::Logs::LogGroup' },
      Mapping: { Type: 'AWS::Lambda::EventSourceMapping', DependsOn: 'FeedbackRole' },
    },
  };

  dropSharedRole(template, 'IamRoleLambdaExecution');

  expect(template.Resources).toEqual({
    FeedbackRole: { Type: 'AWS::IAM::Role' },
    FeedbackFunction: { Type: 'AWS::Lambda::Function', DependsOn: ['FeedbackLogGroup'] },
    FeedbackLogGroup: { Type: 'AWS::Logs::LogGroup' },
    Mapping: { Type: 'AWS::Lambda::EventSourceMapping' },
  });
});

test.each([
  ['jobs show abc', 'jobs show --id abc'],
  ['jobs show invalid/abc --json', 'jobs show --id invalid/abc --json'],
  ['jobs show --id abc', 'jobs show --id abc'],
  ['jobs show', 'jobs show'],
  ['jobs list abc', 'jobs list abc'],
  ['vendors pause zendesk --for 1h', 'vendors pause --vendor zendesk --for 1h'],
  ['deploy function abc', 'deploy function abc'],
])('sls %s is read as sls %s', (given, read) => {
  const argv = ['node', 'sls', ...given.split(' ')];
  namePositionals(argv);

  expect(argv.slice(2).join(' ')).toBe(read);
});

test('a command has a lifecycle event, and a group has none, so that Serverless lists its commands', () => {
  const { commands, hooks } = new Ops(fakeServerless(), {});

  expect(commands.jobs).toEqual({ type: 'container', commands: expect.any(Object) });
  expect(commands.jobs?.commands.show).toMatchObject({ lifecycleEvents: ['run'], options: { id: { required: true } } });
  expect(commands.queues).toMatchObject({ lifecycleEvents: ['run'], commands: { pause: {}, resume: {} } });
  expect(commands.deploy).toMatchObject({ options: { plan: {} }, commands: {} });
  expect(commands.deploy).not.toHaveProperty('lifecycleEvents');
  expect(hooks).toHaveProperty('jobs:show:run');
});

/** A template with a mapping for each queue. */
const templateOf = (MaximumConcurrency: number): Template => {
  const Properties = { Enabled: true, ScalingConfig: { MaximumConcurrency } };
  const mapping = { Type: 'AWS::Lambda::EventSourceMapping', Properties };
  return { Resources: { [EMAILS]: mapping, FeedbackEventSourceMappingSQSFeedbackQueue: mapping } };
};
const EMAILS = 'EmailsEventSourceMappingSQSEmailsQueue';

/** Deploys acme with a higher concurrency of both queues. `table` answers for each key. Answers the template. */
async function deployed(table: (key: string) => readonly [status: number, item: object]): Promise<Template> {
  const aws = await fakeAws(({ body, action }) => {
    if (action !== 'GetItem')
      return [200, xml('GetTemplate', `<TemplateBody>${JSON.stringify(templateOf(2))}</TemplateBody>`)];
    const [status, item] = table((JSON.parse(body) as { Key: { key: { S: string } } }).Key.key.S);
    return [status, JSON.stringify(item)];
  });
  const template = templateOf(9);
  const environment = environmentOf(readInstance('acme'));
  const serverless = fakeServerless({ environment, template, hashKey: 'ssm:/acme/hash-key', config: aws.config });
  await keepPauses(serverless, { ...aTarget, by: 'me' }, 'acme-jobs-prod').finally(aws.close);
  return template;
}

test('a deployment does not touch the mapping of a paused queue: its template has the deployed one', async () => {
  const paused = { Item: { key: { S: pauseKey('emails') }, version: { N: '1' } } };
  const { Resources } = await deployed((key) => [200, key === pauseKey('emails') ? paused : {}]);

  expect(Resources).toEqual({ ...templateOf(9).Resources, [EMAILS]: templateOf(2).Resources[EMAILS] });
  expect(printed).toEqual([expect.stringContaining('emails is paused and stays so.')]);
});

test('a first deployment, which has no table yet, keeps its template. It ends if the pauses cannot be read', async () => {
  expect(await deployed(() => [400, { __type: 'ResourceNotFoundException' }])).toEqual(templateOf(9));

  await expect(deployed(() => [400, { __type: 'AccessDeniedException' }])).rejects.toThrow(StoreError);
});
