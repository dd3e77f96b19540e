import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { dlqName, ownerKey, queueName } from '../../lib/engine/jobs/keys';
import { listCampaigns } from '../../lib/operate/ops/campaigns';
import type { Reader } from '../../lib/operate/ops/operator';
import { listJobs } from '../../lib/operate/ops/search';
import { guarded } from '../../lib/platform/aws/clients';
import { realObjects } from '../../lib/platform/aws/objects';
import { realQueues, sqsClient } from '../../lib/platform/aws/queues';
import { StoreError } from '../../lib/platform/errors';
import type { Objects } from '../../lib/platform/ports';
import { isProduction } from '../../lib/platform/target';
import { jsonOf } from '../../lib/platform/text';
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

interface Checked {
  config: AwsConfig;
  unfinished: () => Promise<number>;
}

/** Whether the account is ready for a deployment. Writes nothing. Rejects with a StoreError if AWS gives no answer. */
export async function preflight(instance: Instance, checked: Checked) {
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
  const outputs = (await readStack(config, stackName(instance)))?.outputs ?? {};
  const [faults, ...more] = await Promise.all([
    bucket.length > 0 ? [] : bucketProblems(instance, s3),
    ...[...secrets.values()].map((secret) => secretProblems(secret, config)),
    bucket.length > 0 ? [] : ownerProblems(instance, s3),
    movedProblems(instance, { ...checked, outputs }),
    outputs.Folder === undefined ? concurrencyProblems(instance, config) : [],
  ]);
  const refused = isProduction(instance);
  return {
    problems: linesOf(instance.file, [...bucket, ...(refused ? faults : []), ...more.flat()]),
    notes: linesOf(instance.file, refused ? [] : faults),
  };
}

/** The value stays encrypted: only its existence is asked. */
function secretProblems({ path, value }: { path: string; value: string }, config: AwsConfig): Promise<Problem[]> {
  const name = value.slice(value.indexOf(':') + 1).replace(/#.*/, '');
  return value.startsWith('ssm:')
    ? answered(path, 'SSM', 'GetParameter', () => new SSMClient(config).send(new GetParameterCommand({ Name: name })))
    : answered(path, 'SecretsManager', 'DescribeSecret', () =>
        new SecretsManagerClient(config).send(new DescribeSecretCommand({ SecretId: name })),
      );
}

async function ownerProblems({ name, bucket, prefix }: Instance, client: S3Client): Promise<Problem[]> {
  const objects = realObjects({ bucket, client });
  const owner = await folderOwner(objects, prefix);
  const folder = folderOf({ bucket, prefix });
  if (owner !== undefined && owner !== name)
    return [{ path: 'prefix', rule: `the folder ${folder} belongs to ${owner} (its object _owner says so)` }];
  const others = await overlappingClaims(objects, prefix, owner === undefined);
  return others.map((key) => ({
    path: 'prefix',
    rule: `the folder ${folder} and the one that ${bucket}/${key} claims lie in one another`,
  }));
}

/** What AWS keeps for functions that reserve nothing: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
const UNRESERVED = 100;

/** A stack that is deployed has its reservation already. */
async function concurrencyProblems(instance: Instance, config: AwsConfig): Promise<Problem[]> {
  const { concurrency } = instance.functions.emailEvents;
  if (!functionsOf(instance).includes('emailEvents')) return [];
  let free = 0;
  const refused = await answered('functions.emailEvents.concurrency', 'Lambda', 'GetAccountSettings', async () => {
    const { AccountLimit } = await new LambdaClient(config).send(new GetAccountSettingsCommand({}));
    free = (AccountLimit?.UnreservedConcurrentExecutions ?? 0) - UNRESERVED;
  });
  if (refused.length > 0 || concurrency <= free) return refused;
  const rule = `is ${concurrency}, but the account's limit lets functions reserve ${Math.max(0, free)} more: ask for more in Service Quotas (AWS Lambda, Concurrent executions)`;
  return [{ path: 'functions.emailEvents.concurrency', rule }];
}

/** What a refusal says about the setting. S3's answer to HEAD has a status only. */
const REFUSALS: Record<string, string> = {
  'S3.404': 'does not exist',
  'S3.403': 'cannot be read by these credentials (s3:ListBucket)',
  'S3.301': 'is in another region',
  'Lambda.AccessDeniedException': 'cannot be checked by these credentials (lambda:GetAccountSettings)',
  'SSM.ParameterNotFound': 'names a parameter that does not exist',
  'SSM.AccessDeniedException': 'cannot be read by these credentials (ssm:GetParameter)',
  'SecretsManager.ResourceNotFoundException': 'names a secret that does not exist',
  'SecretsManager.AccessDeniedException': 'cannot be read by these credentials (secretsmanager:DescribeSecret)',
};

async function answered(
  path: string,
  service: 'Lambda' | 'S3' | 'SSM' | 'SecretsManager',
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
  { config, unfinished, outputs }: Checked & { outputs: Record<string, string | undefined> },
): Promise<Problem[]> {
  const { Folder: deployed } = outputs;
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
  const { campaigns, damaged } = await listCampaigns(reader);
  const jobs = await Promise.all(queues.map((queue) => listJobs(asked, { queue }, { limit: 0 })));
  return campaigns.length + damaged + jobs.filter(({ next }) => next !== undefined).length;
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

/**
 * The claims of folders around a folder and, where `inside`, of those in it. The roles of the outer instance would reach the
 * objects of the inner one.
 */
async function overlappingClaims(objects: Pick<Objects, 'list'>, prefix: string, inside: boolean): Promise<string[]> {
  const parts = prefix.split('/');
  const around = parts.slice(1).map((_, index) => ownerKey(parts.slice(0, index + 1).join('/')));
  const claimed = await Promise.all(around.map((key) => objects.list(key, { limit: 1 })));
  const within = inside ? await objects.list(`${prefix}/`) : [];
  const claims = within.filter((key) => key.endsWith(ownerKey('')) && key !== ownerKey(prefix));
  return [...claimed.flat().filter((key) => around.includes(key)), ...claims];
}

/** Claims a folder. Of two instances whose folders are one, or lie in one another, at most one gets `true`. */
export async function claimFolder(
  objects: Pick<Objects, 'get' | 'list' | 'create' | 'delete'>,
  prefix: string,
  instance: string,
): Promise<boolean> {
  const created = await objects.create(ownerKey(prefix), JSON.stringify({ instance }), 'application/json');
  if (created !== 'created') return (await folderOwner(objects, prefix)) === instance;
  const others = await overlappingClaims(objects, prefix, true);
  if (others.length > 0) await objects.delete(ownerKey(prefix));
  return others.length === 0;
}
