import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  type S3Client,
} from '@aws-sdk/client-s3';
import { partitionOf } from '../aws/partition';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import type { Instance } from '../instances/instance';
import type { Problem } from '../instances/problems';
import { isProduction, slsCommand } from '../target';
import { deniesPlainHttp, denyPlainHttp } from './bucket-policy';
import { lifecycleFaults } from './lifecycle-faults';

/** A setting of the bucket that is not as it should be, and the lines that show how to change it. */
interface Fault {
  fault: string;
  fix: string[];
}

/**
 * Asks S3 whether the bucket of an instance keeps its data private and for as long as it is needed. Production refuses what
 * it finds, with a command for each setting. Staging warns. Changes nothing. Rejects with a StoreError if S3 fails.
 */
export async function bucketFindings(
  instance: Instance,
  s3: S3Client,
): Promise<{ problems: Problem[]; notes: Problem[] }> {
  const [settings, lifecycle] = await Promise.all([settingFaults(instance, s3), lifecycleFindings(instance, s3)]);
  const faults = [...settings, ...lifecycle.faults];
  const { longer } = lifecycle;
  const notes = longer.length > 0 ? [{ path: 'bucket', rule: `keeps objects for longer: ${longer.join(', ')}` }] : [];
  if (faults.length === 0) return { problems: [], notes };
  const production = isProduction(instance);
  const head = production
    ? 'is not safe for production:'
    : 'is not safe for personal data. Production would refuse this bucket:';
  const lines = faults.flatMap(({ fault, fix }) => [`  ${fault}`, ...fix.map((line) => `    ${line}`)]);
  const found = [{ path: 'bucket', rule: [head, ...lines].join('\n') }];
  return production ? { problems: found, notes } : { problems: [], notes: [...found, ...notes] };
}

async function settingFaults({ bucket: Bucket, region, prefix }: Instance, s3: S3Client): Promise<Fault[]> {
  const s3api = (command: string, rest: string) => [
    `aws s3api ${command} --bucket ${Bucket} --region ${region} ${rest}`,
  ];
  const bucket = { arn: `arn:${partitionOf(region)}:s3:::${Bucket}`, prefix };
  const faults = await Promise.all([
    look(bucket, {
      operation: 'GetPublicAccessBlock',
      action: 's3:GetBucketPublicAccessBlock',
      absent: 'NoSuchPublicAccessBlockConfiguration',
      call: () => s3.send(new GetPublicAccessBlockCommand({ Bucket })),
      judge: (found) => {
        const block = found?.PublicAccessBlockConfiguration ?? {};
        if (PUBLIC_ACCESS.every((name) => block[name] === true)) return [];
        const all = PUBLIC_ACCESS.map((name) => `${name}=true`).join(',');
        const fix = s3api('put-public-access-block', `--public-access-block-configuration ${all}`);
        return [{ fault: 'It does not block all public access.', fix }];
      },
    }),
    look(bucket, {
      operation: 'GetBucketPolicy',
      action: 's3:GetBucketPolicy',
      absent: 'NoSuchBucketPolicy',
      call: () => s3.send(new GetBucketPolicyCommand({ Bucket })),
      judge: (found) => {
        if (deniesPlainHttp(found?.Policy, bucket)) return [];
        const statement = denyPlainHttp(bucket.arn);
        const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
        const fix =
          found?.Policy === undefined
            ? s3api('put-bucket-policy', `--policy '${policy}'`)
            : ['Add this statement to the policy of the bucket:', JSON.stringify(statement)];
        return [{ fault: 'No statement of its policy denies plain HTTP.', fix }];
      },
    }),
    look(bucket, {
      operation: 'GetBucketEncryption',
      action: 's3:GetEncryptionConfiguration',
      absent: 'ServerSideEncryptionConfigurationNotFoundError',
      call: () => s3.send(new GetBucketEncryptionCommand({ Bucket })),
      judge: (found) => {
        const { Rules = [] } = found?.ServerSideEncryptionConfiguration ?? {};
        if (Rules.some((rule) => rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm)) return [];
        const rules = JSON.stringify({ Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] });
        const fix = s3api('put-bucket-encryption', `--server-side-encryption-configuration '${rules}'`);
        return [{ fault: 'It does not encrypt objects.', fix }];
      },
    }),
    look(bucket, {
      operation: 'GetBucketVersioning',
      action: 's3:GetBucketVersioning',
      call: () => s3.send(new GetBucketVersioningCommand({ Bucket })),
      judge: (found) => {
        if (found?.Status === 'Enabled') return [];
        const fix = s3api('put-bucket-versioning', '--versioning-configuration Status=Enabled');
        return [{ fault: 'It does not keep old versions of objects.', fix }];
      },
    }),
  ]);
  return faults.flat();
}

const PUBLIC_ACCESS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const;

async function lifecycleFindings(instance: Instance, s3: S3Client): Promise<{ faults: Fault[]; longer: string[] }> {
  const { name, stage, region, bucket: Bucket } = instance;
  let rules: LifecycleRule[] = [];
  const unread = await look(
    { arn: `arn:${partitionOf(region)}:s3:::${Bucket}` },
    {
      operation: 'GetBucketLifecycleConfiguration',
      action: 's3:GetLifecycleConfiguration',
      absent: 'NoSuchLifecycleConfiguration',
      call: () => s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
      judge: (found) => {
        rules = found?.Rules ?? [];
        return [];
      },
    },
  );
  if (unread.length > 0) return { faults: unread, longer: [] };
  const { faults, longer, foreign } = lifecycleFaults(instance, rules);
  if (faults.length === 0) return { faults: [], longer };
  const print = slsCommand('instances lifecycle', { instance: name, stage, region });
  const put = `aws s3api put-bucket-lifecycle-configuration --bucket ${Bucket} --region ${region}`;
  const fix = foreign
    ? ['Add the missing rules to those of the bucket, and remove those that delete too much. This prints ours:', print]
    : [`${print} > lifecycle.json`, `${put} --lifecycle-configuration file://lifecycle.json`];
  return { faults: [{ fault: faults.join('\n  '), fix }], longer };
}

interface Look<T> {
  operation: string;
  /** What IAM calls the operation. */
  action: string;
  /** S3's code for a setting that does not exist. */
  absent?: string;
  call: () => Promise<T>;
  judge: (found: T | undefined) => Fault[];
}

/** Reads one setting and judges it. S3 answers 405 to another account than the bucket's. */
async function look<T>(
  { arn }: { arn: string },
  { operation, action, absent, call, judge }: Look<T>,
): Promise<Fault[]> {
  const found = await guarded({ service: 'S3', operation, call }).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    if (absent !== undefined && error.code === `S3.${absent}`) return undefined;
    if (error.status === 403 || error.status === 405) return DENIED;
    throw error;
  });
  if (found !== DENIED) return judge(found);
  const fault = `These credentials may not read a setting of it (${action}).`;
  return [{ fault, fix: [`Allow ${action} on ${arn}`] }];
}

const DENIED = Symbol('denied');
