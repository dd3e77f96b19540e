import { pauseKey } from '../../../lib/engine/jobs/keys';
import { StoreError } from '../../../lib/platform/errors';
import { keepPauses } from '../../../packages/cli/core';
import { dropLogGroups, dropSharedRole, namePositionals, Ops } from '../../../packages/cli/plugin';
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

type Given = NonNullable<Parameters<typeof fakeServerless>[0]>;

/** Begins a command, as Serverless does. */
const run = async (words: string, given: Given = {}, options: Record<string, unknown> = {}) => {
  const serverless = fakeServerless({ commands: words.split(' '), ...given });
  const { stage = 'prod' } = given;
  return new Ops(serverless, { stage, ...options } as Record<string, string>).hooks.initialize?.();
};

const OTHER = { own: '999999999999' };
const NOT_ITS = 'instances/acme.yml: account: is 999999999999, but the credentials are of 123456789012';
const BOTH =
  /^instances\/mht-api.yml: .+ still holds the value of the example.+\n.+: account: is 999999999999, but the/s;
const GUARDED = ['logs', 'metrics', 'info', 'invoke', 'remove', 'rollback', 'deploy list'];

test.each<[string, Given, string | RegExp]>([
  ['deploy', OTHER, BOTH],
  ['deploy function', {}, 'sls deploy function skips the checks'],
  ['rollback', {}, 'sls rollback skips the checks'],
  ['invoke local', {}, 'sls invoke local runs on stage local only, and prod is another stage'],
  ['rollback function', {}, 'sls rollback function skips the checks'],
  ['invoke', {}, 'This changes acme in production'],
  ...['remove', 'info', 'logs'].map((words): [string, Given, string] => [words, OTHER, NOT_ITS]),
  ...GUARDED.map((words): [string, Given, string] => [words, { stage: 'local' }, 'has no stack: npm start prints']),
])('sls %s with %j is refused: %s', async (words, given, why) => {
  await expect(run(words, given)).rejects.toThrow(why);
});

test('sls remove of production needs the typed name of the instance, and --yes is not enough', async () => {
  const remove = (options: object) => run('remove', {}, { yes: true, ...options });

  await expect(remove({})).rejects.toThrow('This removes acme in production, and there is no terminal to ask on.');
  await expect(remove({ confirm: 'acme-staging' })).rejects.toThrow('Add --confirm acme to run it without a question.');
  await expect(remove({ confirm: 'acme' })).resolves.toBeUndefined();
});

test.each(['info', 'deploy list'])('sls %s works with the examples, names its target, asks nothing', async (words) => {
  await run(words);

  expect(printed).toEqual(['acme · stage prod · account 123456789012 · eu-central-1\n']);
});

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

test('no role of the template may make a log group, which the stack makes', () => {
  const PolicyDocument = { Statement: [{ Action: ['logs:CreateLogGroup', 'logs:PutLogEvents'] }, { Action: 's3:*' }] };
  const template = { Resources: { Role: { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyDocument }] } } } };

  dropLogGroups(template);

  expect(PolicyDocument.Statement).toEqual([{ Action: ['logs:PutLogEvents'] }, { Action: 's3:*' }]);
});

test.each([
  ['jobs show abc', 'jobs show --id abc'],
  ['jobs show invalid/abc --json', 'jobs show --id invalid/abc --json'],
  ['jobs show --id abc', 'jobs show --id abc'],
  ['jobs show', 'jobs show'],
  ['jobs list abc', 'jobs list abc'],
  ['vendors try zendesk', 'vendors try --vendor zendesk'],
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
