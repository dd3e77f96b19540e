import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { realObjects } from '../../lib/aws/objects';
import { guarded } from '../../lib/aws/store-error';
import { StoreError } from '../../lib/errors';
import { folderOwner, mayUse } from '../../lib/jobs/folder-owner';
import { folderOf } from '../../resources/instances/deployed';
import { functionsOf, type Instance } from '../../resources/instances/instance';
import { linesOf, type Problem } from '../../resources/instances/problems';
import { secretSettings } from '../../resources/instances/variables';
import { bucketFindings } from './bucket-check';
import { connect } from './connect';
import { movedProblems, unfinishedWork } from './moves';
import type { AwsConfig, Serverless } from './serverless';
import { namedTargetOf, wrongAccount } from './target';
import { terminal } from './terminal';

/** `notes`: what stops no deployment. */
export interface Findings {
  problems: string[];
  notes: string[];
}

export async function accountFindings(instance: Instance, serverless: Serverless): Promise<Findings> {
  const target = await namedTargetOf(serverless);
  return preflight(instance, {
    config: await serverless.getProvider('aws').getAwsSdkV3Config(),
    account: target.account,
    // The queues that its file no longer names count too.
    unfinished: async () => unfinishedWork(await connect(serverless, target, terminal), Object.keys(instance.known)),
  });
}

/** Whether the account is ready for a deployment. Writes nothing. Rejects with a StoreError if AWS gives no answer. */
export async function preflight(
  instance: Instance,
  checked: { config: AwsConfig; account: string; unfinished: () => Promise<number> },
): Promise<Findings> {
  const { account, config } = checked;
  const wrong = wrongAccount(instance.account, account);
  if (wrong.length > 0) return { problems: linesOf(instance.file, wrong), notes: [] };
  const s3 = new S3Client(config);
  const head = new HeadBucketCommand({ Bucket: instance.bucket });
  const bucket = await answered('bucket', ['S3', 'HeadBucket', () => s3.send(head)], {
    404: 'does not exist',
    403: 'cannot be read by these credentials (s3:ListBucket)',
    301: 'is in another region',
  });
  const read = [...secretSettings(instance, functionsOf(instance)), { path: 'hashKey', value: instance.hashKey }];
  const secrets = new Map(read.map((secret) => [secret.path, secret]));
  const [settings, ...more] = await Promise.all([
    bucket.length > 0 ? { problems: [], notes: [] } : bucketFindings(instance, s3),
    ...[...secrets.values()].map((secret) => secretProblems(secret, config)),
    bucket.length > 0 ? [] : ownerProblems(instance, s3),
    movedProblems(instance, checked),
  ]);
  return {
    problems: linesOf(instance.file, [...bucket, ...settings.problems, ...more.flat()]),
    notes: linesOf(instance.file, settings.notes),
  };
}

/** The value stays encrypted: only its existence is asked. */
async function secretProblems(
  { path, value: reference }: { path: string; value: string },
  config: AwsConfig,
): Promise<Problem[]> {
  const name = reference.slice(reference.indexOf(':') + 1);
  const parameter = () => new SSMClient(config).send(new GetParameterCommand({ Name: name }));
  const secret = () => new SecretsManagerClient(config).send(new DescribeSecretCommand({ SecretId: name }));
  return reference.startsWith('ssm:')
    ? answered(path, ['SSM', 'GetParameter', parameter], {
        'SSM.ParameterNotFound': 'names a parameter that does not exist',
        'SSM.AccessDeniedException': 'cannot be read by these credentials (ssm:GetParameter)',
      })
    : answered(path, ['SecretsManager', 'DescribeSecret', secret], {
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

/** A call whose known refusals are problems. Keys are HTTP statuses or the codes of StoreErrors. */
async function answered(
  path: string,
  [service, operation, call]: ['S3' | 'SSM' | 'SecretsManager', operation: string, call: () => Promise<unknown>],
  rules: Record<string, string>,
): Promise<Problem[]> {
  try {
    await guarded(service)(operation, call);
    return [];
  } catch (error) {
    const rule = error instanceof StoreError ? (rules[error.code] ?? rules[String(error.status)]) : undefined;
    if (rule === undefined) throw error;
    return [{ path, rule }];
  }
}
