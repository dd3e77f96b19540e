import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { realObjects } from '../aws/objects';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import { folderOf, stackName } from '../instances/deployed';
import { functionsOf } from '../instances/functions';
import type { Instance } from '../instances/instance';
import { linesOf, type Problem } from '../instances/problems';
import { secretSettings } from '../instances/variables';
import { folderOwner, type InstanceFolder, mayUse } from '../jobs/folder-owner';
import { FEEDBACK_QUEUE } from '../jobs/keys';
import { TESTFLIGHT_QUEUE } from '../testflight/message';
import { bucketFindings } from './bucket-check';
import { moveProblems, placeInFile } from './moves';
import type { AwsConfig } from './serverless';
import { readTemplate } from './stack';
import { wrongAccount } from './target';
import { templateProblems } from './template-problems';

/** What the checks need from AWS. */
export interface Checked {
  config: AwsConfig;
  /** The account of the credentials. */
  account: string;
  /** How many jobs and campaigns of the deployed instance have not ended, or more. Asked only if it would move. */
  unfinished: () => Promise<number>;
}

/** What the checks found, a line each. */
export interface Findings {
  problems: string[];
  /** What could not be checked. It stops no deployment. */
  notes: string[];
}

/** An instance's folder as the marker in it must agree with. */
export const instanceFolder = ({ name, prefix, sharedWith, compacts }: Instance): InstanceFolder => ({
  ...{ prefix, sharedWith, compacts },
  instance: name,
});

/**
 * Whether the account is ready for a deployment: the account itself, the bucket and its settings, each secret, the folder,
 * and SendGrid's templates. Writes nothing. Resolves to a line for each problem, and for what could not be checked. Rejects with a
 * StoreError if AWS does not answer at all.
 */
export async function preflight(instance: Instance, checked: Checked): Promise<Findings> {
  const { account, config } = checked;
  const wrong = wrongAccount(instance.account, account);
  if (wrong.length > 0) return { problems: linesOf(instance.file, wrong), notes: [] };
  const s3 = new S3Client(config);
  try {
    const bucket = await bucketProblems(instance, s3);
    const [templates, settings, ...more] = await Promise.all([
      templateProblems(instance, config),
      bucket.length > 0 ? { problems: [], notes: [] } : bucketFindings(instance, s3),
      ...secretSettings(instance, functionsOf(instance)).map((secret) => secretProblems(secret, config)),
      bucket.length > 0 ? [] : ownerProblems(instance, s3),
      movedProblems(instance, checked),
    ]);
    return {
      problems: linesOf(instance.file, [...bucket, ...settings.problems, ...more.flat(), ...templates.problems]),
      notes: linesOf(instance.file, [...settings.notes, ...unkeyed(instance), ...templates.notes]),
    };
  } finally {
    s3.destroy();
  }
}

/** Not a problem, so that a deployment of a running instance needs no new secret at once. */
const unkeyed = ({ rows, settings }: Instance): Problem[] =>
  settings.hashKey === undefined && rows.some(({ name }) => name === FEEDBACK_QUEUE || name === TESTFLIGHT_QUEUE)
    ? [{ path: 'hashKey', rule: 'is missing, so anyone with a list of addresses can tell whose a stored hash is' }]
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
    }).finally(() => client.destroy());
  }
  const client = new SecretsManagerClient(config);
  const call = () => client.send(new DescribeSecretCommand({ SecretId: name }));
  return answered(path, () => guarded({ service: 'SecretsManager', operation: 'DescribeSecret', call }), {
    'SecretsManager.ResourceNotFoundException': 'names a secret that does not exist',
    'SecretsManager.AccessDeniedException': 'cannot be read by these credentials (secretsmanager:DescribeSecret)',
  }).finally(() => client.destroy());
}

async function ownerProblems(instance: Instance, client: S3Client): Promise<Problem[]> {
  const owner = await folderOwner(realObjects({ bucket: instance.bucket, client }), instance.prefix);
  if (mayUse(instanceFolder(instance), owner)) return [];
  return [{ path: 'prefix', rule: `the folder ${folderOf(instance)} belongs to ${owner} (its object _owner says so)` }];
}

async function movedProblems(instance: Instance, { config, unfinished }: Checked): Promise<Problem[]> {
  const deployed = await readTemplate(config, stackName(instance));
  return deployed ? moveProblems(deployed, placeInFile(instance), unfinished) : [];
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
