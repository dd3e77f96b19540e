import { tableName } from '../lib/jobs/keys';
import type { Context } from './context';
import { JOBS_TABLE_ID } from './logical-id';
import { type Fragment, retention } from './template';

/** Keys only. An index lags behind the table, so readers get the item from the table before they act on it. */
function index(hash: string, range: string) {
  return {
    IndexName: hash,
    KeySchema: [
      { AttributeName: hash, KeyType: 'HASH' },
      { AttributeName: range, KeyType: 'RANGE' },
    ],
    Projection: { ProjectionType: 'KEYS_ONLY' },
  };
}

/** The keys of the jobs table and its indexes (lib/ports.ts, Table and Item). */
export const jobsTable = {
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: 'key', AttributeType: 'S' },
    { AttributeName: 'todo', AttributeType: 'S' },
    { AttributeName: 'todoAt', AttributeType: 'N' },
    { AttributeName: 'hour', AttributeType: 'S' },
    { AttributeName: 'inGroup', AttributeType: 'S' },
  ],
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
  GlobalSecondaryIndexes: [index('todo', 'todoAt'), index('hour', 'key'), index('inGroup', 'key')],
};

/** The jobs table, whose rows survive the stack in production. */
export function jobsTableResources(context: Context): Fragment {
  return {
    Resources: {
      [JOBS_TABLE_ID]: {
        Type: 'AWS::DynamoDB::Table',
        ...retention(context),
        Properties: {
          TableName: tableName(context.instance),
          ...jobsTable,
          TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { SSEEnabled: true },
          DeletionProtectionEnabled: context.retain,
        },
      },
    },
    Outputs: { JobsTableName: { Description: 'Table of all jobs', Value: { Ref: JOBS_TABLE_ID } } },
  };
}
