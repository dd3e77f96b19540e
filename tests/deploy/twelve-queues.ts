import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { changeInstance, NAMED_SECRETS, WITH_APPLE } from '../support/instances';
import { compiledTemplate, sls } from '../support/sls';
import { startAccount } from './account';
import { follow, projectCopy } from './fifth-queue';
import type { Report } from './report';

const instance = 'mht-api-staging';
/** Eight more queues, three of them with the longest names. */
const MORE = [
  ...['sms', 'exports', 'imports', 'invoices', 'thumbnails'],
  ...['paymentreminders', 'subscriptionends', 'webhookdelivered'],
];

/** Adds eight queues as docs/add-a-queue.md says, and deploys all twelve to an account of its own. */
export async function checkTwelveQueues({ check, equal }: Pick<Report, 'check' | 'equal'>): Promise<void> {
  const root = projectCopy();
  const account = await startAccount();
  try {
    for (const name of MORE) follow(root, name);
    const vendors = MORE.map((name) => [name, { endpoint: `https://${name}.mht.test`, key: `ssm:/mht/${name}` }]);
    const queues = MORE.map((name) => [`queues.${name}`, null]);
    const filled = { ...WITH_APPLE, bucket: 'mht-bucket', kmsKey: 'own' };
    changeInstance(root, instance, { ...filled, ...Object.fromEntries([...vendors, ...queues]) });
    const { parameters, secrets } = NAMED_SECRETS;
    const keys = MORE.map((name) => `/mht/${name}`);
    await account.create({ buckets: ['mht-bucket'], parameters: [...parameters, ...keys], secrets });

    const template = await compiledTemplate(root, instance);
    const deployed = await sls(root, ['deploy', '--stage', 'staging', '--yes'], account.env);
    check('an instance with twelve queues is deployed', deployed.code === 0, deployed.output);
    const lint = spawnSync('cfn-lint', ['--regions', 'us-east-1', '--', template.file], { encoding: 'utf8' });
    check('cfn-lint finds nothing in its template', lint.status === 0, `${lint.stdout}${lint.stderr}`);
    const names = await account.queueNames();
    equal('it has twelve queues and their DLQs', names.filter((name) => !name.endsWith('undelivered')).length, 2 * 12);
    equal('it has twelve workers and five other functions', (await account.functionNames()).length, 12 + 5);
    const alarms = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    const metrics = alarms.map(({ Properties }) => (Properties.Metrics as object[] | undefined)?.length ?? 1);
    // The metrics, and the expression.
    equal('no alarm has more than ten metrics', Math.max(...metrics), 10 + 1);
    const { DashboardBody } = (template.Resources.Dashboard?.Properties ?? {}) as {
      DashboardBody: { 'Fn::Sub': string };
    };
    const missing = MORE.filter((name) => !DashboardBody['Fn::Sub'].includes(`## ${name}: `));
    equal('its dashboard has a section for each queue', missing, []);
  } finally {
    await account.stop();
    rmSync(root, { recursive: true, force: true });
  }
}
