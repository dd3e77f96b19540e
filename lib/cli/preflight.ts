import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { realObjects } from '../aws/objects';
import { realQueues, sqsClient } from '../aws/queues';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import { folderOf, stackName } from '../instances/deployed';
import { functionsOf } from '../instances/functions';
import type { Instance } from '../instances/instance';
import { linesOf, type Problem } from '../instances/problems';
import { secretSettings } from '../instances/variables';
import { folderOwner, mayUse } from '../jobs/folder-owner';
import { FEEDBACK_QUEUE } from '../jobs/keys';
import { TESTFLIGHT_QUEUE } from '../testflight/message';
import { bucketFindings } from './bucket-check';
import type { AwsConfig } from './serverless';
import { movesOf, readStack } from './stack';
import { wrongAccount } from './target';

export interface Checked {
  config: AwsConfig;
  account: string;
  /** How many jobs and campaigns of the deployed instance have not ended, or more. Asked only if it would move. */
  unfinished: () => Promise<number>;
}

export interface Findings {
  problems: string[];
  /** What stops no deployment. */
  notes: string[];
}

/**
 * Whether the account is ready for a deployment: the account itself, the bucket and its settings, each secret, the folder,
 * and work that the deployment would leave behind. Writes nothing. Rejects with a StoreError if AWS does not answer at all.
 */
export async function preflight(instance: Instance, checked: Checked): Promise<Findings> {
  const { account, config } = checked;
  const wrong = wrongAccount(instance.account, account);
  if (wrong.length > 0) return { problems: linesOf(instance.file, wrong), notes: [] };
  const s3 = new S3Client(config);
  const bucket = await bucketProblems(instance, s3);
  const [settings, ...more] = await Promise.all([
    bucket.length > 0 ? { problems: [], notes: [] } : bucketFindings(instance, s3),
    ...secretSettings(instance, functionsOf(instance)).map((secret) => secretProblems(secret, config)),
    bucket.length > 0 ? [] : ownerProblems(instance, s3),
    movedProblems(instance, checked),
  ]);
  return {
    problems: linesOf(instance.file, [...bucket, ...settings.problems, ...more.flat()]),
    notes: linesOf(instance.file, [...settings.notes, ...unkeyed(instance)]),
  };
}

/** Not a problem, so that a deployment of a running instance needs no new secret at once. */
const unkeyed = ({ rows, settings }: Instance): Problem[] =>
  settings.hashKey === undefined && rows.some(({ name }) => name === FEEDBACK_QUEUE || name === TESTFLIGHT_QUEUE)
    ? [{ path: 'hashKey', rule: 'is not set: stored hashes can be matched against a list of addresses' }]
    : [];

async function bucketProblems({ bucket }: Instance, s3: S3Client): Promise<Problem[]> {
  const call = () => s3.send(new HeadBucketCommand({ Bucket: bucket }));
  return answered('bucket', () => guarded({ service: 'S3', operation: 'HeadBucket', call }), {
    404: 'does not exist',
    403: 'cannot be read by these credentials (s3:ListBucket)',
    301: 'is in another region',
  });
}

/** The value stays encrypted: only its existence is asked. */
async function secretProblems(
  { path, value: reference }: { path: string; value: string },
  config: AwsConfig,
): Promise<Problem[]> {
  const name = reference.slice(reference.indexOf(':') + 1);
  if (reference.startsWith('ssm:')) {
    const client = new SSMClient(config);
    const call = () => client.send(new GetParameterCommand({ Name: name }));
    return answered(path, () => guarded({ service: 'SSM', operation: 'GetParameter', call }), {
      'SSM.ParameterNotFound': 'names a parameter that does not exist',
      'SSM.AccessDeniedException': 'cannot be read by these credentials (ssm:GetParameter)',
    });
  }
  const client = new SecretsManagerClient(config);
  const call = () => client.send(new DescribeSecretCommand({ SecretId: name }));
  return answered(path, () => guarded({ service: 'SecretsManager', operation: 'DescribeSecret', call }), {
    'SecretsManager.ResourceNotFoundException': 'names a secret that does not exist',
    'SecretsManager.AccessDeniedException': 'cannot be read by these credentials (secretsmanager:DescribeSecret)',
  });
}

async function ownerProblems({ name, bucket, prefix }: Instance, client: S3Client): Promise<Problem[]> {
  const owner = await folderOwner(realObjects({ bucket, client }), prefix);
  if (mayUse(name, owner)) return [];
  const folder = folderOf({ bucket, prefix });
  return [{ path: 'prefix', rule: `the folder ${folder} belongs to ${owner} (its object _owner says so)` }];
}

/** Held and dead jobs have their bodies in the old folder, campaigns their lists, and queues the messages without a row. */
async function movedProblems(instance: Instance, { config, unfinished }: Checked): Promise<Problem[]> {
  const { problems, left } = movesOf(instance, await readStack(config, stackName(instance)));
  if (problems.length === 0) return [];
  const count = (await unfinished()) + (await messagesIn(left, config));
  if (count === 0) return [];
  const waiting = `while work has not ended (${count} or more). Wait until sls jobs list, sls campaign list and sls queues show none`;
  return problems.map(({ path, rule }) => ({ path, rule: `${rule} ${waiting}` }));
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

/** A call whose known refusals are problems. Keys are HTTP statuses or the codes of StoreErrors. */
async function answered(path: string, call: () => Promise<unknown>, rules: Record<string, string>): Promise<Problem[]> {
  try {
    await call();
    return [];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const rule = rules[error.code] ?? rules[String(error.status)];
    if (rule === undefined) throw error;
    return [{ path, rule }];
  }
}
