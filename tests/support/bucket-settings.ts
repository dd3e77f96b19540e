import type { IncomingMessage, ServerResponse } from 'node:http';

/** A lifecycle rule as `aws s3api` takes it, and as `sls check` prints it. */
export interface Rule {
  Status?: string;
  Filter?: { Prefix?: string; Tag?: { Key: string; Value: string }; ObjectSizeGreaterThan?: number };
  Expiration?: { Days?: number; Date?: string };
  Transitions?: { Days?: number; Date?: string; StorageClass: string }[];
  NoncurrentVersionExpiration?: { NoncurrentDays: number; NewerNoncurrentVersions?: number };
}

/** The settings of a bucket. A missing one does not exist. `denied`: these credentials may not read the setting. */
export interface BucketSettings {
  publicAccessBlock?: Record<string, boolean>;
  policy?: object;
  versioning?: string;
  /** The key of the default encryption. */
  encryption?: string;
  lifecycle?: Rule[];
  denied?: string[];
}

/** The code of S3 where a setting does not exist. Without versioning, S3 answers an empty configuration. */
const ABSENT: Record<string, string> = {
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  policy: 'NoSuchBucketPolicy',
  versioning: '',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  lifecycle: 'NoSuchLifecycleConfiguration',
};

/** Answers a request for one setting of a bucket as S3 does, and returns whether it was one. */
export function answerSettings(settings: BucketSettings, request: IncomingMessage, response: ServerResponse): boolean {
  const { searchParams } = new URL(request.url ?? '/', 'http://x');
  const name = Object.keys(ABSENT).find((key) => searchParams.has(key));
  if (request.method !== 'GET' || name === undefined) return false;
  const refuse = (status: number, code: string) =>
    void response.writeHead(status).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  const text = bodies(settings)[name];
  if (settings.denied?.includes(name)) refuse(403, 'AccessDenied');
  else if (text === undefined) refuse(404, ABSENT[name] ?? '');
  else response.writeHead(200).end(text);
  return true;
}

function bodies(settings: BucketSettings): Record<string, string | undefined> {
  const { publicAccessBlock, policy, versioning, encryption, lifecycle } = settings;
  const ApplyServerSideEncryptionByDefault = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: encryption };
  // S3 names the elements of a list in the singular.
  const rules = lifecycle?.map(({ Transitions, ...rule }) => ({ ...rule, Transition: Transitions }));
  return {
    publicAccessBlock: publicAccessBlock && xml({ PublicAccessBlockConfiguration: publicAccessBlock }),
    policy: policy && JSON.stringify(policy),
    versioning: xml({ VersioningConfiguration: { Status: versioning } }),
    encryption:
      encryption && xml({ ServerSideEncryptionConfiguration: { Rule: { ApplyServerSideEncryptionByDefault } } }),
    lifecycle: rules && xml({ LifecycleConfiguration: { Rule: rules } }),
  };
}

/** Elements by their names. A list stands for an element each, and `undefined` for none. */
function xml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const elements = Object.entries(value).flatMap(([name, inner]) =>
    [inner].flat().map((each) => [name, each] as const),
  );
  return elements.map(([name, each]) => (each === undefined ? '' : `<${name}>${xml(each)}</${name}>`)).join('');
}

/** Settings that a deployment to production accepts, with these lifecycle rules. */
export function safeSettings(bucket: string, lifecycle: Rule[]): BucketSettings {
  const names = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'];
  const denied = {
    ...{ Effect: 'Deny', Principal: '*', Action: 's3:*' },
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
  return {
    publicAccessBlock: Object.fromEntries(names.map((name) => [name, true])),
    policy: { Version: '2012-10-17', Statement: [denied] },
    versioning: 'Enabled',
    lifecycle,
  };
}
