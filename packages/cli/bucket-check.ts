import { isDeepStrictEqual } from 'node:util';
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  type S3Client,
} from '@aws-sdk/client-s3';
import * as z from 'zod';
import { ownerKey } from '../../lib/engine/jobs/keys';
import { suppressedKey } from '../../lib/mail/suppression';
import { PLACES, type Place } from '../../lib/operate/ops/places';
import { guarded, partitionOf } from '../../lib/platform/aws/clients';
import { json } from '../../lib/platform/config/common';
import { StoreError } from '../../lib/platform/errors';
import type { Instance } from '../../resources/instances/instance';
import type { Problem } from '../../resources/instances/problems';

/** An old version may be needed for so long, to restore what was overwritten or deleted by mistake. */
const OLD_VERSIONS = 30;

type Folders = Pick<Instance, 'prefix' | 'known' | 'retention'>;

/**
 * Every folder of an instance. Its objects are deleted so many `days` after they were last written, and a job or an
 * operator may need them for so many: no rule of the bucket may delete them earlier. Only `_owner` and `_suppressed` stay.
 * The instance's file may choose the days of a place. Then no rule may keep its objects longer (`most`).
 */
export function retentions({ prefix, known, retention }: Folders) {
  const chosen: Partial<Record<string, number>> = retention;
  const all = Object.entries(PLACES as Record<string, Place>).flatMap(([name, { days, folders }]) => {
    if (!days || !folders) return [];
    const [lifetime, needed] = days;
    const { [name]: most = Number.POSITIVE_INFINITY } = chosen;
    const times = { days: chosen[name] ?? lifetime, needed, most };
    return folders(prefix, Object.keys(known)).map((folder) => ({ folder, ...times }));
  });
  // A rule for a folder is enough for the folders in it.
  return all.filter(
    (one) => !all.some((other) => other !== one && one.folder.startsWith(other.folder) && other.days === one.days),
  );
}

/** Rules for `aws s3api put-bucket-lifecycle-configuration`. They also delete old versions and unfinished uploads. */
export const lifecycleRules = (instance: Folders) => ({
  Rules: retentions(instance).map(({ folder, days }) => ({
    ID: folder,
    Status: 'Enabled',
    Filter: { Prefix: folder },
    Expiration: { Days: days },
    NoncurrentVersionExpiration: { NoncurrentDays: OLD_VERSIONS },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
  })),
});

const S3_KEY = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } };
const PUBLIC_ACCESS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const;

/**
 * Asks S3 whether the bucket of an instance keeps its data private and for as long as it is needed. Each fault comes with
 * the command that ends it. A command replaces the whole policy, or all rules, so it has those of the bucket too. Rejects with a StoreError if S3 fails.
 */
export async function bucketProblems(instance: Instance, s3: S3Client): Promise<Problem[]> {
  const { bucket: Bucket, region } = instance;
  const arn = `arn:${partitionOf(region)}:s3:::${Bucket}`;
  const unless = (holds: boolean | undefined, fault: string, command: string, value: string) =>
    holds ? [] : [`${fault}:\n  aws s3api ${command} --bucket ${Bucket} --region ${region} ${value}`];
  const faults = await Promise.all([
    check('s3:GetBucketPublicAccessBlock', s3.send(new GetPublicAccessBlockCommand({ Bucket })), (found) => {
      const isBlocked = PUBLIC_ACCESS.every((name) => found?.PublicAccessBlockConfiguration?.[name]);
      const value = `--public-access-block-configuration ${PUBLIC_ACCESS.map((name) => `${name}=true`).join(',')}`;
      return unless(isBlocked, 'does not block all public access', 'put-public-access-block', value);
    }),
    check('s3:GetBucketPolicy', s3.send(new GetBucketPolicyCommand({ Bucket })), (found) => {
      const policy = policySchema.safeParse(found?.Policy).data ?? { Version: '2012-10-17', Statement: [] };
      const merged = quoted({ ...policy, Statement: [...[policy.Statement].flat(), denyPlainHttp(arn)] });
      const fault = 'has no statement that denies plain HTTP';
      return unless(deniesPlainHttp(policy, arn), fault, 'put-bucket-policy', `--policy ${merged}`);
    }),
    check('s3:GetBucketVersioning', s3.send(new GetBucketVersioningCommand({ Bucket })), (found) => {
      const value = '--versioning-configuration Status=Enabled';
      const fault = 'does not keep old versions of objects';
      return unless(found?.Status === 'Enabled', fault, 'put-bucket-versioning', value);
    }),
    check('s3:GetEncryptionConfiguration', s3.send(new GetBucketEncryptionCommand({ Bucket })), (found) => {
      const [rule] = found?.ServerSideEncryptionConfiguration?.Rules ?? [];
      const key = rule?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID;
      const fault = `encrypts with a key that no role may use. Name it as kmsKey (${key}), or let S3 have the key`;
      const value = `--server-side-encryption-configuration ${quoted({ Rules: [S3_KEY] })}`;
      const isUsable = key === undefined || key === instance.kmsKey || /alias\/aws\/s3$/.test(key);
      return unless(isUsable, fault, 'put-bucket-encryption', value);
    }),
    check('s3:GetLifecycleConfiguration', s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })), (found) => {
      const { Rules = [], TransitionDefaultMinimumObjectSize: smallest } = found ?? {};
      const { missing, early } = lifecycleFaults(instance, Rules);
      const fault = `has no rule that deletes objects and old versions of ${missing.join(', ')}`;
      const own = lifecycleRules(instance).Rules;
      const others = Rules.filter(({ ID }) => !own.some((rule) => rule.ID === ID));
      const kept = smallest === undefined ? '' : `--transition-default-minimum-object-size ${smallest} `;
      const value = `${kept}--lifecycle-configuration ${quoted({ Rules: [...others, ...own] })}`;
      return [...unless(missing.length === 0, fault, 'put-bucket-lifecycle-configuration', value), ...early];
    }),
  ]);
  return faults.flat().map((rule) => ({ path: 'bucket', rule }));
}

/** Reads one setting and judges it. S3 answers 404 without one, and 405 to another account than the bucket's. */
async function check<T>(operation: string, asked: Promise<T>, judge: (found: T | undefined) => string[]) {
  try {
    return judge(await guarded('S3')(operation, () => asked));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.status === 404) return judge(undefined);
    if (error.status === 403 || error.status === 405) return [`cannot be checked by these credentials (${operation})`];
    throw error;
  }
}

const denyPlainHttp = (arn: string) => ({
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: [arn, `${arn}/*`],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

const statement = z.looseObject({});
const policySchema = json(z.looseObject({ Statement: z.union([z.array(statement), statement]) }));

/** Whether a policy has our statement. Another one could deny plain HTTP for fewer requests. */
const deniesPlainHttp = ({ Statement }: Pick<z.infer<typeof policySchema>, 'Statement'>, arn: string): boolean =>
  [Statement].flat().some(({ Sid: _sid, ...found }) => isDeepStrictEqual(found, denyPlainHttp(arn)));

/** A document as one word of a shell. */
const quoted = (document: object): string => `'${JSON.stringify(document).replaceAll("'", "'\\''")}'`;

/** Objects in them cannot be read until an operator restores them. */
const ARCHIVES: readonly unknown[] = ['GLACIER', 'DEEP_ARCHIVE'];

/** `missing`: folders whose objects or old versions stay forever. `early`: rules that take what may still be needed. */
function lifecycleFaults(instance: Instance, rules: readonly LifecycleRule[]): { missing: string[]; early: string[] } {
  // Our objects have no tags.
  const active = rules.filter(({ Status, Filter }) => Status === 'Enabled' && !Filter?.Tag && !Filter?.And?.Tags);
  const own = retentions(instance);
  const missing = own.filter(({ folder, most }) => {
    const whole = active.filter((rule) => isWhole(rule) && folder.startsWith(prefixOf(rule)));
    const deletes = whole.some(({ Expiration: { Days } = {} }) => Days !== undefined && Days <= most);
    const old = whole.flatMap(({ NoncurrentVersionExpiration }) => NoncurrentVersionExpiration ?? []);
    return !deletes || !old.some((one) => one.NoncurrentDays && !one.NewerNoncurrentVersions);
  });
  const forever = [ownerKey(instance.prefix), suppressedKey(instance.prefix)];
  const kept = [...own, ...forever.map((folder) => ({ folder, needed: Number.POSITIVE_INFINITY }))];
  const early = active.flatMap((rule) => {
    const prefix = prefixOf(rule);
    const touched = kept.filter(({ folder }) => folder.startsWith(prefix) || prefix.startsWith(folder));
    const hurt = touched.filter(({ needed }) => takesEarly(rule, needed)).map(({ folder }) => folder);
    if (hurt.length === 0) return [];
    const name = rule.ID ?? `for ${prefix}`;
    return [`has the rule ${name}, which takes what is still needed (docs/security.md): ${hurt.join(', ')}`];
  });
  return { missing: missing.map(({ folder }) => folder), early };
}

const prefixOf = ({ Filter, Prefix }: LifecycleRule): string => Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? '';

const isWhole = ({ Filter = {} }: LifecycleRule): boolean =>
  Object.entries(Filter).every(([key, value]) => key === 'Prefix' || value === undefined);

function takesEarly(rule: LifecycleRule, needed: number): boolean {
  const archives = (rule.Transitions ?? []).filter(({ StorageClass }) => ARCHIVES.includes(StorageClass));
  const takes = [rule.Expiration, ...archives].some((one) => one?.Date !== undefined || (one?.Days ?? needed) < needed);
  return takes || (rule.NoncurrentVersionExpiration?.NoncurrentDays ?? OLD_VERSIONS) < OLD_VERSIONS;
}
