import { spawnSync } from 'node:child_process';
import { CONFIGURED } from '../support/configured';
import { type CompiledTemplate, compiledTemplate, serviceDirectory, sls } from '../support/sls';
import { createAccount } from './arrived';
import { checkArrived, checkTemplate, type Expected } from './checks';
import { checkMonitoring } from './monitoring';
import { missingTools, startMoto } from './moto';
import { createReport } from './report';

const staging: Expected = {
  stage: 'staging',
  instance: 'mht-api-staging',
  retention: 604_800,
  visibility: 180,
  timeout: 30,
  maximumConcurrency: 2,
  retain: false,
};
const prod: Expected = {
  stage: 'prod',
  instance: 'mht-api',
  retention: 1_209_600,
  visibility: 300,
  timeout: 45,
  maximumConcurrency: 10,
  retain: true,
};
const second: Expected = { ...prod, instance: 'acme-support' };

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
  const moto = await startMoto();
  const account = createAccount(moto.endpoint);
  const env = {
    ...CONFIGURED,
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
  };
  const run = async (args: string[], environment: Record<string, string> = env) => {
    const result = await sls(directory.path, args, environment);
    check(`sls ${args.join(' ')}`, result.code === 0, result.output);
    return result.output;
  };
  const refused = async (
    name: string,
    environment: Record<string, string>,
    expected: string[],
    args = ['deploy', '--stage', 'prod'],
  ) => {
    const { code, output } = await sls(directory.path, args, environment);
    const explained = expected.every((text) => output.includes(text)) && !output.includes('planted-secret');
    check(name, code !== 0 && explained, output);
  };

  try {
    const templates: Record<string, CompiledTemplate> = {};
    await section('templates', async () => {
      for (const stage of ['local', 'staging', 'prod']) {
        const template = await compiledTemplate(directory.path, stage, { env: CONFIGURED });
        templates[stage] = template;
        const lint = spawnSync('cfn-lint', ['--regions', 'us-east-1', '--', template.file], { encoding: 'utf8' });
        check(`cfn-lint finds nothing in ${stage}`, lint.status === 0, `${lint.stdout}${lint.stderr}`);
      }
    });

    await section('refused deployments', async () => {
      const { BUCKET: _bucket, SENDGRID_API_KEY: _key, ...incomplete } = env;
      await refused('missing variables are refused by name', incomplete, [
        'BUCKET: is missing',
        'SENDGRID_API_KEY: is missing',
      ]);
      await refused('a plain secret is refused', { ...env, ZENDESK_TOKEN: 'planted-secret' }, [
        'ZENDESK_TOKEN: must be a reference',
      ]);
      await refused('the local stage is refused', env, ['--stage staging or prod'], ['deploy']);
      equal('nothing was deployed', await account.functionNames(), []);
    });

    for (const expected of [staging, prod])
      await section(`deploy ${expected.stage}`, async () => {
        await run(['deploy', '--stage', expected.stage, '--yes']);
        await checkArrived(report, account, expected);
        const template = templates[expected.stage];
        if (!template) return;
        checkTemplate(report, template, expected);
        await checkMonitoring(report, moto.endpoint, { expected, template });
      });

    await section('deploy again', async () => {
      const unchanged = await run(['deploy', '--stage', 'staging']);
      check('an unchanged service is not deployed again', unchanged.includes('No changes to deploy'), unchanged);
      await run(['deploy', '--stage', 'staging', '--param', 'feedbackVisibility=240']);
      await checkArrived(report, account, { ...staging, visibility: 240 });
    });

    await section('info', async () => {
      for (const { stage, instance } of [staging, prod]) {
        const info = await run(['info', '--stage', stage, '--verbose']);
        check(
          `${stage}: functions and queues`,
          [
            `feedback: ${instance}-feedback`,
            `reconciler: ${instance}-reconciler`,
            `/${instance}-feedback-dlq.fifo`,
          ].every((text) => info.includes(text)),
          info,
        );
      }
    });

    await section('a second instance in the same account', async () => {
      const args = ['--param', `instance=${second.instance}`];
      const template = await compiledTemplate(directory.path, 'prod', { args, env: CONFIGURED });
      templates.second = template;
      equal("its template never contains the first instance's name", template.text.split(prod.instance).length - 1, 0);
      await run(['deploy', '--stage', 'prod', '--yes', ...args]);
      await checkArrived(report, account, second);
    });

    await section('remove', async () => {
      await run(['remove', '--stage', 'staging']);
      await run(['remove', '--stage', 'prod', '--yes']);
      const named =
        (type: string, property: string, kept = false) =>
        (template?: CompiledTemplate) =>
          Object.values(template?.Resources ?? {})
            .filter(({ Type, DeletionPolicy }) => Type === type && (!kept || DeletionPolicy === 'Retain'))
            .map(({ Properties }) => String(Properties[property]));
      equal(
        "only the second instance's functions are left",
        await account.functionNames(),
        named('AWS::Lambda::Function', 'FunctionName')(templates.second).sort(),
      );
      equal(
        "only the second instance's roles are left",
        await account.roleNames(),
        named('AWS::IAM::Role', 'RoleName')(templates.second).sort(),
      );
      const queues = named('AWS::SQS::Queue', 'QueueName', true);
      equal(
        "staging's queues are gone, production's are kept",
        await account.queueNames(),
        [...queues(templates.second), ...queues(templates.prod)].sort(),
      );
      equal("staging's table is gone, production's is kept", await account.tableNames(), [
        'acme-support-jobs',
        'mht-api-jobs',
      ]);
    });
  } finally {
    moto.stop();
    directory.remove();
  }
  return report.finish();
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
