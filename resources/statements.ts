import { tableName } from '../lib/jobs/keys';
import type { Instance } from './instances/instance';
import { arn } from './template';

export interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

export const allow = (Sid: string, Action: string[], Resource: unknown): Statement => ({
  Sid,
  Effect: 'Allow',
  Action,
  Resource,
});

export const table = ({ name }: Instance, part = '') => arn('dynamodb', `table/${tableName(name)}${part}`);

/** DynamoDB actions on the items with these keys. `*` in a key is a wildcard. */
export const allowItems = (of: Instance, Sid: string, actions: string[], keys: string[]): Statement => ({
  ...allow(Sid, actions, table(of)),
  Condition: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
    // ForAllValues is also true for a request without keys.
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

/** S3 actions on the objects with these keys. `*` in a key is a wildcard. */
export const allowObjects = ({ bucket }: Instance, Sid: string, actions: string[], keys: string[]): Statement =>
  allow(
    Sid,
    actions,
    keys.map((key) => arn('s3', `${bucket}/${key}`)),
  );

/** Without ListBucket, S3 answers 403 for a missing key. S3 compares a GetObject's key with `s3:prefix` for this. */
export const listBucket = ({ bucket }: Instance, prefixes: string[]): Statement => ({
  ...allow('MissingIsNotForbidden', ['s3:ListBucket'], arn('s3', bucket)),
  Condition: { StringLike: { 's3:prefix': prefixes } },
});

/** The ARNs of secrets that are stored as `ssm:/path` or `secretsmanager:name`. Any other value needs no permission. */
export const secretArns = (references: string[]): unknown[] => [
  ...named(references, 'ssm:').map((path) => arn('ssm', `parameter${path}`)),
  // Secrets Manager appends a hyphen and six random characters to a secret's ARN.
  ...named(references, 'secretsmanager:').map((name) => arn('secretsmanager', `secret:${name}-??????`)),
];

const named = (references: string[], scheme: string): string[] => [
  ...new Set(references.filter((ref) => ref.startsWith(scheme)).map((ref) => ref.slice(scheme.length))),
];
