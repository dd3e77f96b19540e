import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { guarded } from '../../lib/aws/clients';
import { realObjects } from '../../lib/aws/objects';
import { realQueues, sqsClient } from '../../lib/aws/queues';
import { StoreError } from '../../lib/errors';
import { dlqName, ownerKey, queueName } from '../../lib/jobs/keys';
import { listCampaigns } from '../../lib/ops/campaigns';
import type { Reader } from '../../lib/ops/operator';
import { listJobs } from '../../lib/ops/search';
import type { Objects } from '../../lib/ports';
import { isProduction } from '../../lib/target';
import { jsonOf } from '../../lib/text';
import { folderOf, functionsOf, type Instance, stackName } from '../../resources/instances/instance';
import { linesOf, type Problem } from '../../resources/instances/problems';
import { secretsOf } from '../../resources/instances/rules';
import { bucketProblems } from './bucket-check';
import { connect } from './connect';
import { readStack } from './stack';
import type { AwsConfig, NamedTarget, Serverless } from './target';
import { terminal } from './terminal';

/** `notes`: what stops no deployment, which are the faults of a bucket that is not production's. */
export type Findings = Awaited<ReturnType<typeof preflight>>;

export async function accountFindings(instance: Instance, serverless: Serverless, target: NamedTarget) {
  return preflight(instance, {
    config: await serverless.getProvider('aws').getAwsSdkV3Config(),
    // The queues that its file no longer names count too.
    unfinished: async () => unfinishedWork(await connect(serverless, target, terminal), Object.keys(instance.known)),
  });
}

/** Whether the account is ready for a deployment. Writes nothing. Rejects with a StoreError if AWS gives no answer. */
export async function preflight(instance: Instance, checked: { config: AwsConfig; unfinished: () => Promise<number> }) {
  const { config } = checked;
  const s3 = new S3Client(config);
  const head = new HeadBucketCommand({ Bucket: instance.bucket });
  const bucket = await answered('bucket', 'S3', 'HeadBucket', () => s3.send(head));
  const { webhook } = instance.events;
  const read = [
    ...secretsOf(instance, functionsOf(instance)),
    { path: 'hashKey', value: instance.hashKey },
    ...(webhook ? [{ path: 'events.webhook.key', value: webhook.key }] : []),
  ];
  const secrets = new Map(read.map((secret) => [secret.path, secret]));
  const [faults, ...more] = await Promise.all([
    bucket.length > 0 ? [] : bucketProblems(instance, s3),
    ...[...secrets.values()].map((secret) => secretProblems(secret, config)),
    bucket.length > 0 ? [] : ownerProblems(instance, s3),
    movedProblems(instance, checked),
  ]);
  const refused = isProduction(instance);
  return {
    problems: linesOf(instance.file, [...bucket, ...(refused ? faults : []), ...more.flat()]),
    notes: linesOf(instance.file, refused ? [] : faults),
  };
}

/** The value stays encrypted: only its existence is asked. */
function secretProblems({ path, value }: { path: string; value: string }, config: AwsConfig): Promise<Problem[]> {
  const name = value.slice(value.indexOf(':') + 1);
  return value.startsWith('ssm:')
    ? answered(path, 'SSM', 'GetParameter', () => new SSMClient(config).send(new GetParameterCommand({ Name: name })))
    : answered(path, 'SecretsManager', 'DescribeSecret', () =>
        new SecretsManagerClient(config).send(new DescribeSecretCommand({ SecretId: name })),
      );
}

async function ownerProblems({ name, bucket, prefix }: Instance, client: S3Client): Promise<Problem[]> {
  const owner = await folderOwner(realObjects({ bucket, client }), prefix);
  if (owner === undefined || owner === name) return [];
  const folder = folderOf({ bucket, prefix });
  return [{ path: 'prefix', rule: `the folder ${folder} belongs to ${owner} (its object _owner says so)` }];
}

/** What a refusal says about the setting. S3's answer to HEAD has a status only. */
const REFUSALS: Record<string, string> = {
  'S3.404': 'does not exist',
  'S3.403': 'cannot be read by these credentials (s3:ListBucket)',
  'S3.301': 'is in another region',
  'SSM.ParameterNotFound': 'names a parameter that does not exist',
  'SSM.AccessDeniedException': 'cannot be read by these credentials (ssm:GetParameter)',
  'SecretsManager.ResourceNotFoundException': 'names a secret that does not exist',
  'SecretsManager.AccessDeniedException': 'cannot be read by these credentials (secretsmanager:DescribeSecret)',
};

async function answered(
  path: string,
  service: 'S3' | 'SSM' | 'SecretsManager',
  operation: string,
  call: () => Promise<unknown>,
): Promise<Problem[]> {
  try {
    await guarded(service)(operation, call);
    return [];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const rule = REFUSALS[error.code] ?? REFUSALS[`${service}.${error.status}`];
    if (rule === undefined) throw error;
    return [{ path, rule }];
  }
}

/** The moves that would leave bodies, lists or messages behind. `unfinished` is asked only if there is a move. */
async function movedProblems(
  instance: Instance,
  { config, unfinished }: { config: AwsConfig; unfinished: () => Promise<number> },
): Promise<Problem[]> {
  const { Folder: deployed, ...outputs } = (await readStack(config, stackName(instance)))?.outputs ?? {};
  const kept = instance.rows.flatMap(({ name, type }) =>
    [queueName, dlqName].map((nameOf) => nameOf(instance.name, name, type)),
  );
  const left = Object.entries(outputs).flatMap(([key, url = '']) =>
    /(Queue|Dlq)Url$/.test(key) && !kept.includes(nameOf(url)) ? [url] : [],
  );
  const moves = left.map((url) => ({ path: 'queues', rule: `the deployed queue ${nameOf(url)} would be removed` }));
  const folder = folderOf(instance);
  if (deployed !== undefined && deployed !== folder)
    moves.push({ path: 'prefix', rule: `the folder would change from ${deployed} to ${folder}` });
  if (moves.length === 0) return [];
  const count = (await unfinished()) + (await messagesIn(left, config));
  if (count === 0) return [];
  const waiting = `while work has not ended (${count} or more). Wait until sls jobs list, sls campaign list and sls queues show none`;
  return moves.map(({ path, rule }) => ({ path, rule: `${rule} ${waiting}` }));
}

const nameOf = (url: string): string => url.split('/').at(-1) ?? '';

/** Unfinished work, at most one job of each queue. A campaign counts for itself: its first job ends when it begins. */
export async function unfinishedWork(reader: Reader, queues: readonly string[]): Promise<number> {
  // Its own names are those of the file, which may leave a deployed queue out.
  const asked = { ...reader, queueNames: queues };
  const { campaigns } = await listCampaigns(reader);
  const jobs = await Promise.all(queues.map((queue) => listJobs(asked, { queue }, { limit: 0 })));
  return campaigns.length + jobs.filter(({ next }) => next !== undefined).length;
}

/** Messages in queues by their URLs. A queue that is gone already has none. */
async function messagesIn(urls: readonly string[], config: AwsConfig): Promise<number> {
  const queues = realQueues(sqsClient(config));
  const depths = urls.map((url) =>
    queues.depth(url).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'SQS.QueueDoesNotExist') return { visible: 0, inFlight: 0 };
      throw error;
    }),
  );
  return (await Promise.all(depths)).reduce((sum, { visible, inFlight }) => sum + visible + inFlight, 0);
}

/** The instance that has claimed the folder of a bucket. `undefined`: none has. */
export async function folderOwner(objects: Pick<Objects, 'get'>, prefix: string): Promise<string | undefined> {
  const bytes = await objects.get(ownerKey(prefix));
  if (!bytes) return undefined;
  const { instance } = (jsonOf(Buffer.from(bytes).toString('utf8')) ?? {}) as { instance?: unknown };
  return typeof instance === 'string' ? instance : 'an object that is not ours';
}

/** Claims a folder. Of two instances one gets `false`, because S3 creates the marker only once. */
export async function claimFolder(objects: Pick<Objects, 'get' | 'create'>, prefix: string, instance: string) {
  const created = await objects.create(ownerKey(prefix), JSON.stringify({ instance }), 'application/json');
  return created === 'created' || (await folderOwner(objects, prefix)) === instance;
}
