import { bodyKey, dlqName, queueName, queueUrl } from '../../../lib/engine/jobs/keys';
import { createLedger } from '../../../lib/engine/jobs/ledger';
import { realClock, realRandom } from '../../../lib/platform/aws/system';
import { awsVariables } from '../../../packages/local/connection';
import { layDead } from '../../support/dead-letters';
import { startAws } from '../../support/emulators';
import { jobId } from '../../support/engine';
import { fakeAws, xml } from '../../support/fake-aws';
import { feedbackSettings } from '../../support/producer';
import { type ServiceDirectory, type SlsResult, serviceDirectory, sls } from '../../support/sls';

const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
const BUCKET = 'team-bucket-staging';
const STAGING = 'mht-api-staging';
const main = queueName(STAGING, 'feedback', 'fifo');
const dlq = dlqName(STAGING, 'feedback', 'fifo');

let directory: ServiceDirectory;
let ports: Awaited<ReturnType<typeof startAws>>;
let env: Record<string, string>;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  directory = serviceDirectory();
  const queues = ['feedback', 'emails', 'analytics', 'testflight'].flatMap((queue) => [
    ...[queueName(STAGING, queue, 'fifo'), dlqName(STAGING, queue, 'fifo')],
  ]);
  ports = await startAws({ queues, table: `${STAGING}-jobs`, bucket: BUCKET });
  const caller = `<Arn>arn:aws:iam::${ACCOUNT}:user/operator</Arn><UserId>operator</UserId><Account>${ACCOUNT}</Account>`;
  const sts = await fakeAws(() => [200, xml('GetCallerIdentity', caller)]);
  closers.push(directory.remove, ports.close, sts.close);
  // The environment of a shell that is configured for an AWS endpoint elsewhere.
  env = { BUCKET, ...awsVariables(ports.endpoints), AWS_ENDPOINT_URL_STS: sts.url };
});
afterAll(async () => {
  for (const close of closers) await close();
});

const staging = (...words: string[]): Promise<SlsResult> =>
  sls(directory.path, [...words, '--stage', 'staging', '--region', REGION], env);

test('the commands find and retry a dead job with the credentials and the stage of sls', async () => {
  const id = jobId(1);
  const ledger = createLedger({ ...ports, clock: realClock, random: realRandom, settings: () => feedbackSettings });
  const error = { class: 'permanent' as const, code: 'ZendeskRejected', message: 'rejected' };
  const job = { queue: 'feedback', n: 1, envelope: { time: new Date().toISOString() }, group: 'a-group', error };
  const store = { ...ports, ledger, clock: realClock, dlqUrl: () => queueUrl(REGION, ACCOUNT, dlq) };
  const body = await layDead(store, { ...job, bodyKept: true });
  await ports.objects.put(bodyKey('jobs', 'feedback', id), body, 'application/json');

  const list = await staging('jobs', 'list', '--state', 'dead', '--json');
  const retried = await staging('jobs', 'retry', id, '--reason', 'the customer called');

  expect(JSON.parse(list.stdout)).toMatchObject({ jobs: [{ id, state: 'dead' }], more: false });
  expect(retried.stdout).toContain(`feedback ${id}: was dead (error), sent as message`);
  expect([list, retried].map(({ code }) => code)).toEqual([0, 0]);
  expect([list, retried].map(({ stderr }) => stderr.split('\n')[0])).toEqual(
    Array(2).fill('mht-api-staging · stage staging · account 000000000000 · us-east-1'),
  );
  expect(ports.model.messages(main)).toMatchObject([{ groupId: 'a-group', attributes: { job: { StringValue: id } } }]);
  // The reconciler would delete the entry of the retried job.
  const { Messages = [] } = ports.model.receiveMessage({ QueueUrl: dlq });
  for (const { ReceiptHandle } of Messages) ports.model.deleteMessage({ QueueUrl: dlq, ReceiptHandle });
  const [audit = ''] = await ports.objects.list('jobs/_audit/');
  expect(JSON.parse(Buffer.from((await ports.objects.get(audit)) ?? '').toString())).toMatchObject({
    ...{ action: 'jobs retry', arguments: { id }, by: 'arn:aws:iam::000000000000:user/operator' },
    reason: 'the customer called',
  });
});

test('sls console serves the bundled page and its API with the credentials of sls, until Ctrl-C', async () => {
  const seen: Record<string, unknown> = {};
  const look = async (printed: string) => {
    const { origin, hash } = new URL(printed);
    const headers = { 'x-console': '1', authorization: `Bearer ${hash.slice('#token='.length)}` };
    seen.page = (await (await fetch(`${origin}/console/assets/page.js`)).text()).length;
    seen.session = await (await fetch(`${origin}/console/api/session`, { headers })).json();
    seen.jobs = (await fetch(`${origin}/console/api/jobs`, { headers })).status;
  };
  // More output may come before it has ended.
  let looked: Promise<void> | undefined;

  const { code } = await sls(directory.path, ['console', '--port', '0', '--stage', 'staging'], env, (stdout, child) => {
    const [, printed] = /^(http.+)\n/.exec(stdout) ?? [];
    if (printed) looked ??= look(printed).finally(() => child.kill('SIGINT'));
  });

  await looked;
  expect(code).toBe(0);
  expect(seen).toMatchObject({ session: { instance: STAGING, production: false, write: false }, jobs: 200 });
  expect(seen.page).toBeGreaterThan(10_000);
});
