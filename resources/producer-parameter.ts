import type { ProducerSettings } from '../lib/config/producer';
import type { QueueRow } from '../lib/instances/queue-row';
import { producerParameter, tableName } from '../lib/jobs/keys';
import type { Context } from './context';
import { PRODUCER_PARAMETER_ID } from './logical-id';
import type { Fragment } from './template';

/** The SSM parameter from which a producer reads its settings. It holds names and no secret, so it needs no encryption. */
export function producerParameterResources(rows: QueueRow[], context: Context, emailRate: number): Fragment {
  const { instance, bucket, prefix, hashKey } = context;
  const settings: ProducerSettings = {
    account: `\${AWS::AccountId}`,
    bucket,
    prefix,
    table: tableName(instance),
    emailRate,
    ...(hashKey !== undefined && { hashKey }),
    queues: Object.fromEntries(rows.map(({ name, type, retention }) => [name, { type, retention }])),
  };
  return {
    Resources: {
      [PRODUCER_PARAMETER_ID]: {
        Type: 'AWS::SSM::Parameter',
        Properties: {
          Name: producerParameter(instance),
          Description: 'What a producer of jobs needs to know',
          Type: 'String',
          Value: { 'Fn::Sub': JSON.stringify(settings) },
        },
      },
    },
    Outputs: {
      ProducerParameterName: { Description: 'Settings of the producers', Value: { Ref: PRODUCER_PARAMETER_ID } },
    },
  };
}
