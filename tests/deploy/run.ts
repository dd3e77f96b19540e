import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { LifecycleRule } from '@aws-sdk/client-s3';
import { changeInstance, FILLED_IN, NAMED_SECRETS, WITH_APPLE } from '../support/instances';
import { compiled, compileTemplate } from '../support/packages';
import { type CompiledTemplate, compiledTemplate, readTemplate, serviceDirectory, sls } from '../support/sls';
import { type Account, missingTools, startAccount } from './account';
import { checkFifthQueue } from './fifth-queue';
import { createReport, type Report } from './report';
import { checkTwelveQueues } from './twelve-queues';

const staging = { stage: 'staging', instance: 'mht-api-staging', bucket: 'mht-staging-bucket' };
const prod = { stage: 'prod', instance: 'mht-api', bucket: 'mht-bucket' };
/** The client with two queues. */
const second = { stage: 'prod', instance: 'acme', bucket: 'acme-bucket' };

/** The names of a template's resources of a type, or of those that are kept when the stack is removed. */
const named =
  (type: string, property: string, kept = false) =>
  ({ Resources }: CompiledTemplate) =>
    Object.values(Resources)
      .filter(({ Type, DeletionPolicy }) => Type === type && (!kept || DeletionPolicy?.startsWith('Retain')))
      .map(({ Properties }) => String(Properties[property]))
      .sort();
const functionsOf = named('AWS::Lambda::Function', 'FunctionName');

const ACCOUNT = '123456789012';
const stackName = ({ instance, stage }: { instance: string; stage: string }) => `${instance}-jobs-${stage}`;

/** Deploys the service to an emulated account and checks the result. Resolves to the exit code. */
async function main(): Promise<number> {
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`Not run: ${missing.join(' and ')} not found. To install: pip install 'moto[server]' cfn-lint`);
    return 0;
  }
  const report = createReport();
  const { check, equal, section } = report;
  const directory = serviceDirectory();
  const account = await startAccount();
  const { env } = account;
  const run = async (args: string[]) => {
    const result = await sls(directory.path, args, env);
    check(`sls ${args.join(' ')}`, result.code === 0, result.output);
    return result.output;
  };
  const refused = async (name: string, args: string[], expected: string[]) => {
    const { code, output } = await sls(directory.path, args, env);
    check(name, code !== 0 && expected.every((text) => output.includes(text)), output);
  };
  const change = (instance: string, changes: Record<string, unknown>) =>
    changeInstance(directory.path, instance, changes);

  try {
    const templateOf = ({ instance }: { instance: string }) =>
      readTemplate(join(directory.path, `package-${instance}`));

    await section('a fifth queue', async () => checkFifthQueue(report));
    await section('twelve queues', async () => checkTwelveQueues(report));

    await section('refused deployments', async () => {
      await refused(
        'the examples are refused by setting',
        ['deploy', '--stage', 'prod'],
        [
          'instances/mht-api.yml: bucket: still holds the value of the example',
          'instances/mht-api.yml: zendesk.token: still holds the value of the example',
        ],
      );
      change(second.instance, { region: 'eu-centrl-1', bucket: 'Not_A_Bucket' });
      const { output } = await sls(directory.path, ['check', '--param', 'instance=acme'], env);
      equal('the problems of a wrong file are printed once, and nothing else', output.trim().split('\n'), [
        'Error:',
        'instances/acme.yml: region: must be a region of AWS. Did you mean eu-central-1?',
        'instances/acme.yml: bucket: must be 3 to 63 lowercase letters, digits, dots or hyphens',
      ]);
      equal('nothing was deployed', await account.functionNames(), []);
    });

    await section('the account before a deployment', async () => {
      change(prod.instance, { ...WITH_APPLE, account: '123456789012', bucket: 'mht-bucket' });
      change(staging.instance, { ...WITH_APPLE, bucket: 'mht-staging-bucket' });
      change(second.instance, { ...FILLED_IN, bucket: 'acme-bucket', region: 'us-east-1' });
      await refused(
        'a missing bucket and missing secrets are named at once',
        ['deploy', '--stage', 'prod', '--yes'],
        [
          'instances/mht-api.yml: bucket: does not exist',
          'instances/mht-api.yml: zendesk.token: names a parameter that does not exist',
          'instances/mht-api.yml: sendgrid.apiKey: names a secret that does not exist',
        ],
      );
      await account.create({
        buckets: [staging, prod, second].map(({ bucket }) => bucket),
        ...NAMED_SECRETS,
      });
    });

    await section('the bucket before a deployment', async () => {
      for (const { instance, bucket } of [prod, second]) {
        const param = ['--param', `instance=${instance}`];
        const asked = await sls(directory.path, ['check', ...param], env);
        const [, policy = ''] = /--policy '(.*)'/.exec(asked.output) ?? [];
        const [, lifecycle = ''] = /--lifecycle-configuration '(.*)'/.exec(asked.output) ?? [];
        await account.protect(bucket, { policy, rules: (JSON.parse(lifecycle) as { Rules: LifecycleRule[] }).Rules });
        await run(['check', ...param]);
      }
    });

    await section('templates', async () => {
      const lintOf = (what: string, { file }: CompiledTemplate) => {
        const lint = spawnSync('cfn-lint', ['--regions', 'us-east-1', '--', file], { encoding: 'utf8' });
        check(`cfn-lint finds nothing in ${what}`, lint.status === 0, `${lint.stdout}${lint.stderr}`);
      };
      for (const instance of ['local', staging.instance, prod.instance, second.instance])
        lintOf(instance, await compiledTemplate(directory.path, instance));
      for (const [name, { instance, changes }] of Object.entries(compiled)) {
        const output = join(directory.path, `package-${name}-changed`);
        await compileTemplate(instance, { changes, output });
        lintOf(`${instance} with settings that its file leaves out`, readTemplate(output));
      }
    });

    await section('the plan of a first deployment', async () => {
      const plan = await run(['deploy', '--stage', 'prod', '--plan']);
      check(
        'it adds everything, and deploys nothing',
        ['  add AWS::SQS::Queue FeedbackQueue', 'Nothing was changed.'].every((text) => plan.includes(text)) &&
          !plan.includes('deployed to stack'),
        plan,
      );
      equal('there is no stack', await account.stackNames(), []);
      const owner = await account.object(prod.bucket, 'jobs/_owner').catch(() => 'none');
      equal('it does not claim the folder', owner, 'none');
    });

    for (const one of [staging, prod])
      await section(`deploy ${one.stage}`, async () => {
        await run(['deploy', '--stage', one.stage, '--yes']);
        await checkArrived(report, account, one, templateOf(one));
      });

    await section('deploy again', async () => {
      const unchanged = await run(['deploy', '--stage', 'staging']);
      check('an unchanged service is not deployed again', unchanged.includes('No changes to deploy'), unchanged);
      change(staging.instance, { 'queues.feedback': { visibility: 240 } });
      const plan = await run(['deploy', '--stage', 'staging', '--plan']);
      check(
        'a plan names the changed queue, and no other one',
        plan.includes('  change AWS::SQS::Queue FeedbackQueue') && !/Queue EmailsQueue|add|REPLACE|REMOVE/.test(plan),
        plan,
      );
      equal('its change set is deleted', await account.plans(), []);
      const visibility = async () => (await account.queue('mht-api-staging-feedback.fifo')).VisibilityTimeout;
      equal('it changes nothing', await visibility(), '180');
      await account.lift(stackName(staging));
      await run(['deploy', '--stage', 'staging']);
      equal('a deployment changes the queue', await visibility(), '240');
    });

    await section('a deployment that would lose messages', async () => {
      change(staging.instance, { 'queues.analytics': undefined });
      await account.send('mht-api-staging-analytics.fifo');
      await refused(
        'a queue is not removed while it holds a message',
        ['deploy', '--stage', 'staging'],
        ['the deployed queue mht-api-staging-analytics.fifo would be removed'],
      );
      change(staging.instance, { 'queues.analytics': null });
    });

    await section('a second client with two queues in the same account', async () => {
      const args = ['--param', `instance=${second.instance}`];
      await run(['deploy', ...args, '--yes']);
      await checkArrived(report, account, second, templateOf(second));
      const ofAcme = (names: (string | undefined)[]) => names.filter((name) => name?.startsWith('acme-'));
      equal(
        'it has only its two queues and the functions around them',
        [ofAcme(await account.queueNames()), ofAcme(await account.functionNames())],
        [named('AWS::SQS::Queue', 'QueueName'), functionsOf].map((of) => of(templateOf(second))),
      );
      equal('its folder is claimed', await account.object(second.bucket, 'acme/_owner'), '{"instance":"acme"}');
      change(second.instance, { 'queues.emails': { concurrency: 7 } });
      await run(['queues', 'pause', '--queue', 'emails', '--reason', 'a test', ...args, '--yes']);
      await run(['deploy', ...args, '--yes']);
      const mapping = async () => {
        const [{ State, ScalingConfig } = {}] = await account.mappings('acme-emails');
        return [State, ScalingConfig?.MaximumConcurrency];
      };
      equal('a deployment does not touch the mapping of a paused queue', await mapping(), ['Disabled', 4]);
      await run(['queues', 'resume', '--queue', 'emails', ...args, '--yes']);
      await run(['deploy', ...args, '--yes']);
      equal('the next one after the pause updates it', await mapping(), ['Enabled', 7]);
      const list = await run(['instances']);
      check(
        'sls instances shows what is deployed of each client',
        [/^acme .*1\.0\.0 .*deployed$/m, /^mht-api .*1\.0\.0 .*deployed$/m].every((line) => line.test(list)),
        list,
      );
    });

    await section('remove', async () => {
      await run(['remove', '--stage', 'staging']);
      const name = ['--confirm', prod.instance];
      await refused('while protected', ['remove', '--stage', 'prod', ...name], ['deletion protection is enabled']);
      await account.unprotect(stackName(prod));
      await run(['remove', '--stage', 'prod', ...name]);
      equal(
        "only the second instance's functions are left",
        await account.functionNames(),
        functionsOf(templateOf(second)),
      );
      equal(
        "only the second instance's roles are left",
        await account.roleNames(),
        named('AWS::IAM::Role', 'RoleName')(templateOf(second)),
      );
      const queues = named('AWS::SQS::Queue', 'QueueName', true);
      equal(
        "staging's queues are gone, production's are kept",
        await account.queueNames(),
        [...queues(templateOf(second)), ...queues(templateOf(prod))].sort(),
      );
      equal("staging's table is gone, production's is kept", await account.tableNames(), ['acme-jobs', 'mht-api-jobs']);
      await account.unprotect(stackName(second));
      await run(['remove', '--param', `instance=${second.instance}`, '--confirm', second.instance]);
      equal("no client's functions are left", await account.functionNames(), []);
    });
  } finally {
    await account.stop();
    directory.remove();
  }
  return report.finish();
}

/** Checks through the real SDK that what the template says has arrived. The template's snapshot has each attribute. */
async function checkArrived(
  { equal, check }: Report,
  account: Account,
  { instance, stage }: { instance: string; stage: string },
  { Resources }: CompiledTemplate,
): Promise<void> {
  const propertiesOf = (id: string): Record<string, unknown> => Resources[id]?.Properties ?? {};
  const { outputs, isProtected } = await account.stack(stackName({ instance, stage }));
  const url = (name: string) => `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/${name}`;
  const arn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
  const [main, dlq] = [`${instance}-feedback.fifo`, `${instance}-feedback-dlq.fifo`];
  equal(
    'outputs list both queues and the table',
    [outputs.FeedbackQueueUrl, outputs.FeedbackDlqUrl, outputs.JobsTableName],
    [url(main), url(dlq), `${instance}-jobs`],
  );

  const policy = (await account.stackPolicy(stackName({ instance, stage }))) ?? '';
  check(
    'the stack policy refuses to replace or remove queues and table',
    /"Deny".*"Update:Replace","Update:Delete".*"AWS::SQS::Queue","AWS::DynamoDB::Table"/.test(policy),
    policy,
  );
  equal('the stack is protected if it is kept', isProtected, stage === 'prod');

  const queue = await account.queue(main);
  const { MessageRetentionPeriod, VisibilityTimeout } = propertiesOf('FeedbackQueue');
  equal(
    'queue: retention and visibility',
    [queue.MessageRetentionPeriod, queue.VisibilityTimeout],
    [String(MessageRetentionPeriod), String(VisibilityTimeout)],
  );
  equal('queue: SQS dead-letters to its DLQ after three receives', JSON.parse(queue.RedrivePolicy ?? '{}'), {
    deadLetterTargetArn: arn(dlq),
    maxReceiveCount: 3,
  });

  const feedback = await account.lambdaFunction(`${instance}-feedback`);
  const { Timeout, Environment } = propertiesOf('FeedbackLambdaFunction');
  equal('function: runtime and time-out', [feedback?.Runtime, feedback?.Timeout], ['nodejs24.x', Timeout]);
  equal('function: environment', feedback?.Environment, Environment);
  const mappings = await account.mappings(`${instance}-feedback`);
  equal(
    'one event source mapping, from the queue',
    mappings.map(({ EventSourceArn, State, ScalingConfig }) => [EventSourceArn, State, ScalingConfig]),
    [[arn(main), 'Enabled', propertiesOf('FeedbackEventSourceMappingSQSFeedbackQueue').ScalingConfig]],
  );
}

void main().then((code) => {
  process.exitCode = code;
});
